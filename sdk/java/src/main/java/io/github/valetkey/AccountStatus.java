package io.github.valetkey;

/** How a connected account may stand. They are texts, since a later server may send others than these. */
public final class AccountStatus {
  /** The user has not authorized yet. */
  public static final String PENDING = "PENDING";
  /** Authorized, but the app has not confirmed yet who the user is. */
  public static final String PENDING_VERIFICATION = "PENDING_VERIFICATION";
  /** It works. */
  public static final String ACTIVE = "ACTIVE";
  /** The credential ran out and could not be renewed. */
  public static final String EXPIRED = "EXPIRED";
  /** Access was taken away at the provider. */
  public static final String REVOKED = "REVOKED";
  /** Authorizing failed for a reason that is not the user's. */
  public static final String ERROR = "ERROR";
  /** It was disconnected here. */
  public static final String DISCONNECTED = "DISCONNECTED";

  private AccountStatus() {}
}
