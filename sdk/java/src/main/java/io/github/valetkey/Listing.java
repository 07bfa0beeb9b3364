package io.github.valetkey;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Everything that a listing finds, fetched page by page as one goes on. Each iteration starts anew; each page is a call
 * with a time-out of its own, and may throw a {@link ValetkeyException}.
 *
 * @param <T> what is listed
 */
public final class Listing<T> implements Iterable<T> {
  /** One page: what is on it, and the token of the next, or {@code null}. */
  record Page<T>(List<T> items, String next) {}

  private final Function<String, Page<T>> fetch;

  Listing(Function<String, Page<T>> fetch) {
    this.fetch = fetch;
  }

  /** {@return an iterator over all of it} */
  @Override
  public Iterator<T> iterator() {
    return new Pages();
  }

  /** {@return a stream of all of it} */
  public Stream<T> stream() {
    return StreamSupport.stream(spliterator(), false);
  }

  /** {@return all of it, fetched} */
  public List<T> toList() {
    List<T> all = new ArrayList<>();
    forEach(all::add);
    return all;
  }

  private final class Pages implements Iterator<T> {
    private Iterator<T> page;
    private String token;

    @Override
    public boolean hasNext() {
      while (page == null || !page.hasNext() && token != null) {
        Page<T> fetched = fetch.apply(token);
        String next = AccountRef.given(fetched.next()) ? fetched.next() : null;
        if (next != null && next.equals(token)) {
          // Else a server that repeats itself would be asked for ever.
          throw Failures.unreadable(200, null, "The server names the same page as the next one.");
        }
        page = fetched.items().iterator();
        token = next;
      }
      return page.hasNext();
    }

    @Override
    public T next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return page.next();
    }
  }
}
