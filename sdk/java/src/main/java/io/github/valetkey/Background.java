package io.github.valetkey;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** Runs calls on threads of their own; cancelling a call's future interrupts its thread, which ends the call. */
final class Background {
  /** Started with the first call, so that those who do not use futures have no threads. */
  private static final class Daemons {
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final ExecutorService POOL =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "valetkey-" + COUNT.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
  }

  private final Executor executor;

  Background(Executor executor) {
    this.executor = executor;
  }

  <T> CompletableFuture<T> call(Supplier<T> call) {
    Running<T> running = new Running<>();
    (executor != null ? executor : Daemons.POOL).execute(() -> running.run(call));
    return running;
  }

  CompletableFuture<Void> run(Runnable call) {
    return call(
        () -> {
          call.run();
          return null;
        });
  }

  private static final class Running<T> extends CompletableFuture<T> {
    private Thread thread;

    void run(Supplier<T> call) {
      synchronized (this) {
        if (isDone()) {
          return;
        }
        thread = Thread.currentThread();
      }
      try {
        complete(call.get());
      } catch (RuntimeException | Error e) {
        completeExceptionally(e);
      } finally {
        synchronized (this) {
          thread = null;
          // The thread goes back to its pool unmarked.
          if (isCancelled()) {
            Thread.interrupted();
          }
        }
      }
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
      boolean cancelled = super.cancel(mayInterruptIfRunning);
      synchronized (this) {
        if (cancelled && thread != null) {
          thread.interrupt();
        }
      }
      return cancelled;
    }
  }
}
