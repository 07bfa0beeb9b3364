package io.github.valetkey;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.regex.Pattern;

/** How the wire's JSON is read and written: fields in snake case, unknown ones ignored, null like left out. */
final class Json {
  static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .visibility(PropertyAccessor.ALL, Visibility.NONE)
          .visibility(PropertyAccessor.FIELD, Visibility.ANY)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
          .defaultSetterInfo(JsonSetter.Value.forValueNulls(Nulls.SKIP))
          .addModule(new SimpleModule().addDeserializer(Instant.class, new Time()).addSerializer(new Timestamp()))
          .build();

  /** Leaves out what an object of this SDK does not set; maps keep their nulls. */
  private static final ObjectMapper WRITER =
      MAPPER
          .copy()
          .setDefaultPropertyInclusion(
              JsonInclude.Value.construct(JsonInclude.Include.NON_NULL, JsonInclude.Include.ALWAYS));

  /** For people and their logs: the address of a remedy may be an authorization link, which is a secret. */
  private static final ObjectMapper TEXT = WRITER.copy().addMixIn(Remedy.class, WithoutAddress.class);

  private abstract static class WithoutAddress {
    @JsonIgnore String url;
  }

  /** A program's own values are written as that program's annotations say, not as this SDK's classes are. */
  private static final ObjectMapper PLAIN = JsonMapper.builder().findAndAddModules().build();

  private Json() {}

  static String text(Object value) {
    try {
      return TEXT.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      return "{}";
    }
  }

  static byte[] bytes(Object value, ObjectMapper mapper) {
    try {
      return mapper.writeValueAsBytes(value);
    } catch (JsonProcessingException e) {
      throw Failures.invalidArgument("The request cannot be written as JSON: " + e.getOriginalMessage(), "json");
    }
  }

  static ObjectMapper writer() {
    return WRITER;
  }

  static ObjectMapper plain() {
    return PLAIN;
  }

  /** {@return the tree of a text, or {@code null} if it is not JSON} */
  static JsonNode tree(byte[] body) {
    try {
      JsonNode tree = MAPPER.readTree(body);
      return tree == null || tree.isMissingNode() ? null : tree;
    } catch (IOException e) {
      return null;
    }
  }

  private static final class Time extends StdDeserializer<Instant> {
    private static final long serialVersionUID = 1L;
    private static final Pattern TOO_FINE = Pattern.compile("(\\.\\d{9})\\d+");

    Time() {
      super(Instant.class);
    }

    @Override
    public Instant deserialize(JsonParser parser, DeserializationContext context) throws IOException {
      String text = parser.getValueAsString("");
      try {
        return OffsetDateTime.parse(TOO_FINE.matcher(text).replaceFirst("$1")).toInstant();
      } catch (DateTimeException e) {
        return (Instant) context.handleWeirdStringValue(Instant.class, text, "not a time of RFC 3339");
      }
    }
  }

  private static final class Timestamp extends StdSerializer<Instant> {
    private static final long serialVersionUID = 1L;

    Timestamp() {
      super(Instant.class);
    }

    @Override
    public void serialize(Instant value, JsonGenerator out, SerializerProvider provider) throws IOException {
      out.writeString(value.toString());
    }
  }
}
