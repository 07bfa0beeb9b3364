/**
 * The client of a Valetkey server, which gives AI agents safe use of their users' accounts at Gmail, Slack, GitHub and
 * others. Start with {@link io.github.valetkey.ValetkeyClient}.
 *
 * <p>Everything that goes wrong is a {@link io.github.valetkey.ValetkeyException}, an unchecked exception whose
 * subclasses say what: {@link io.github.valetkey.AccountNotActiveException}, {@link
 * io.github.valetkey.ToolException}, {@link io.github.valetkey.RateLimitedException} and so on.
 */
package io.github.valetkey;
