package consumer;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;

/** A clock that stands still but for what moves it, and the waits that were asked for. */
final class Clock implements InstantSource {
  private Instant now = Instant.parse("2026-03-01T09:00:00Z");
  private final List<Double> waits = new ArrayList<>();

  @Override
  public synchronized Instant instant() {
    return now;
  }

  synchronized void advance(double ms) {
    now = now.plusNanos((long) (ms * 1_000_000));
  }

  synchronized void sleep(Duration wait) {
    waits.add(wait.toNanos() / 1e6);
    now = now.plus(wait);
  }

  synchronized List<Double> slept() {
    return List.copyOf(waits);
  }
}
