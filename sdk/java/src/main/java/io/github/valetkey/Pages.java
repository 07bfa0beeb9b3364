package io.github.valetkey;

import com.fasterxml.jackson.databind.JavaType;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;

/** How lists are sent. */
final class Pages<T> {
  private List<T> items = List.of();
  private String nextPageToken;

  private Pages() {}

  private static <T> JavaType of(Class<T> type) {
    return Json.MAPPER.getTypeFactory().constructParametricType(Pages.class, type);
  }

  private List<T> present() {
    return items.stream().filter(Objects::nonNull).toList();
  }

  /** Everything behind a path, which is made anew for each iteration: it may need a look-up. */
  static <T> Listing<T> list(Core core, Supplier<String> path, Map<String, ?> query, Class<T> type) {
    String[] known = new String[1];
    return new Listing<>(
        token -> {
          if (token == null || known[0] == null) {
            known[0] = path.get();
          }
          Map<String, Object> fields = new LinkedHashMap<>(query);
          if (token != null) {
            fields.put("page_token", token);
          }
          return page(core, Core.Call.of("GET", known[0]).query(fields), type, core.deadline());
        });
  }

  /** Everything behind a path, all of whose pages share one end. */
  static <T> Listing<T> together(Core core, String path, Map<String, ?> query, Class<T> type, Instant deadline) {
    return new Listing<>(
        token -> {
          Map<String, Object> fields = new LinkedHashMap<>(query);
          if (token != null) {
            fields.put("page_token", token);
          }
          return page(core, Core.Call.of("GET", path).query(fields), type, deadline);
        });
  }

  private static <T> Listing.Page<T> page(Core core, Core.Call call, Class<T> type, Instant deadline) {
    Pages<T> page = core.send(call, of(type), deadline);
    return new Listing.Page<>(page.present(), page.nextPageToken);
  }

  /** What one call brings. */
  static <T> List<T> all(Core core, Core.Call call, Class<T> type) {
    Pages<T> page = core.send(call, of(type), core.deadline());
    return page.present();
  }
}
