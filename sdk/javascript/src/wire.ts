// Between the wire's snake_case and JavaScript's camelCase.

/** Fields whose content belongs to others (tools, providers, the app) and travels untouched. */
const OPAQUE: ReadonlySet<string> = new Set(["data", "tool_input", "api_config", "variables", "fields", "definition"]);

/** An object with names of the wire. */
export type Wire = Record<string, unknown>;

function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function isPlain(value: unknown): value is Wire {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** What came from the wire, with JavaScript's names. Fields that this SDK does not know come along. */
export function fromWire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromWire);
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [camel(name), OPAQUE.has(name) ? inner : fromWire(inner)]),
  );
}

/** What goes to the wire. Fields that are `undefined` are left out; `null` is sent, it means "remove". */
export function toWire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toWire);
  if (value instanceof Date) return value.toISOString();
  if (!isPlain(value)) return value;
  const wire: Wire = {};
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const wireName = snake(name);
    wire[wireName] = OPAQUE.has(wireName) ? inner : toWire(inner);
  }
  return wire;
}
