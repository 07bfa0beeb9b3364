package io.github.valetkey;

import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** Reads a body into memory, up to a bound. */
final class Bounded implements BodySubscriber<byte[]> {
  /** What is read of an answer at most, in bytes. */
  static final long MOST = 64L << 20;

  private static final class TooLarge extends IOException {
    private static final long serialVersionUID = 1L;
  }

  private final BodySubscriber<byte[]> all = BodySubscribers.ofByteArray();
  private Flow.Subscription subscription;
  private long seen;

  static BodySubscriber<byte[]> handler(ResponseInfo info) {
    return new Bounded();
  }

  static boolean exceeded(Throwable thrown) {
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      if (t instanceof TooLarge) {
        return true;
      }
    }
    return false;
  }

  @Override
  public CompletionStage<byte[]> getBody() {
    return all.getBody();
  }

  @Override
  public void onSubscribe(Flow.Subscription subscription) {
    this.subscription = subscription;
    all.onSubscribe(subscription);
  }

  @Override
  public void onNext(List<ByteBuffer> items) {
    for (ByteBuffer item : items) {
      seen += item.remaining();
    }
    if (seen > MOST) {
      subscription.cancel();
      all.onError(new TooLarge());
    } else {
      all.onNext(items);
    }
  }

  @Override
  public void onError(Throwable thrown) {
    all.onError(thrown);
  }

  @Override
  public void onComplete() {
    all.onComplete();
  }
}
