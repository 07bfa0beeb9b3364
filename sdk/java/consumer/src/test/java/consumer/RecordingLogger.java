package consumer;

import java.text.MessageFormat;
import java.util.ResourceBundle;

/** Keeps everything that is logged. */
final class RecordingLogger implements System.Logger {
  private final StringBuffer text = new StringBuffer();

  String text() {
    return text.toString();
  }

  @Override
  public String getName() {
    return "valetkey";
  }

  @Override
  public boolean isLoggable(Level level) {
    return true;
  }

  @Override
  public void log(Level level, ResourceBundle bundle, String message, Throwable thrown) {
    text.append(level).append(' ').append(message).append(' ').append(thrown).append('\n');
  }

  @Override
  public void log(Level level, ResourceBundle bundle, String format, Object... params) {
    String message = params == null || params.length == 0 ? format : MessageFormat.format(format, params);
    text.append(level).append(' ').append(message).append('\n');
  }
}
