package io.github.valetkey;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;

/** Percent-encoding of what callers give, so that it stays in its place of the URL. */
final class Encoding {
  private Encoding() {}

  /** RFC 3986 §2.3. */
  private static boolean unreserved(int b) {
    return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b > 0 && "-._~".indexOf(b) >= 0;
  }

  private static boolean hexDigit(int b) {
    return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F';
  }

  private static void escape(StringBuilder out, byte[] bytes, IntPredicate keep, boolean keepEscapes) {
    for (int i = 0; i < bytes.length; i++) {
      int b = bytes[i] & 0xff;
      boolean escape = b == '%' && i + 2 < bytes.length && hexDigit(bytes[i + 1]) && hexDigit(bytes[i + 2]);
      if (keep.test(b) || keepEscapes && escape) {
        out.append((char) b);
      } else {
        out.append('%').append(Character.forDigit(b >> 4, 16)).append(Character.forDigit(b & 15, 16));
        int end = out.length();
        out.replace(end - 2, end, out.substring(end - 2).toUpperCase(Locale.ROOT));
      }
    }
  }

  static String component(String text) {
    StringBuilder out = new StringBuilder();
    escape(out, text.getBytes(StandardCharsets.UTF_8), Encoding::unreserved, false);
    return out.toString();
  }

  /** A name or an id as one segment of a path. */
  static String segment(String what, String value) {
    if (!AccountRef.given(value) || value.equals(".") || value.equals("..")) {
      throw Failures.invalidArgument(what + " must not be empty, \".\" or \"..\".", what);
    }
    return component(value);
  }

  /** Fields as application/x-www-form-urlencoded; a list is a name that comes more than once. */
  static String form(Map<String, ?> fields) {
    StringBuilder out = new StringBuilder();
    fields.forEach(
        (name, value) -> {
          for (Object one : value instanceof List<?> list ? list : List.of(value)) {
            if (out.length() > 0) {
              out.append('&');
            }
            out.append(component(name)).append('=').append(component(String.valueOf(one)));
          }
        });
    return out.toString();
  }

  /** The path below /proxy/. What would leave it, or be read differently on the way, is refused. */
  static String proxied(String path) {
    if (!AccountRef.given(path)) {
      throw Failures.invalidArgument("The path of a proxied request is empty.", "path");
    }
    for (char c : path.toCharArray()) {
      if (c < ' ' || c == 0x7f || "?#\\".indexOf(c) >= 0) {
        throw Failures.invalidArgument(
            "The path of a proxied request holds a control character, `?`, `#` or `\\`; parameters go into query.",
            "path");
      }
    }
    for (String segment : path.split("/", -1)) {
      String plain = segment.toLowerCase(Locale.ROOT).replace("%2e", ".");
      if (plain.equals(".") || plain.equals("..")) {
        throw Failures.invalidArgument("The path of a proxied request has a segment `.` or `..`.", "path");
      }
    }
    StringBuilder out = new StringBuilder("/proxy/");
    byte[] bytes = (path.startsWith("/") ? path.substring(1) : path).getBytes(StandardCharsets.UTF_8);
    escape(out, bytes, b -> unreserved(b) || b > 0 && "/:@!$&'()*+,;=".indexOf(b) >= 0, true);
    return out.toString();
  }

  /** Whether a header can carry a text as it is. */
  static boolean printable(String text) {
    return text.chars().allMatch(c -> c >= ' ' && c <= '~') && text.equals(text.strip());
  }
}
