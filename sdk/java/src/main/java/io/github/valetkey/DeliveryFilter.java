package io.github.valetkey;

/** Which deliveries to list; everything set must fit. */
public final class DeliveryFilter extends Request {
  /**
   * Makes a filter that lets everything pass.
   */
  public DeliveryFilter() {
  }

  /**
   * Sets what became of it: {@code pending}, {@code delivered} or {@code failed}.
   *
   * @param outcome what became of it: {@code pending}, {@code delivered} or {@code failed}
   * @return this
   */
  public DeliveryFilter outcome(String outcome) {
    give("outcome", outcome);
    return this;
  }

  /**
   * Sets how many are fetched at once; the server's number unless set.
   *
   * @param pageSize how many are fetched at once; the server's number unless set
   * @return this
   */
  public DeliveryFilter pageSize(Integer pageSize) {
    give("page_size", pageSize);
    return this;
  }
}
