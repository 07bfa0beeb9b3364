// Everything that editors show of the package says what it is: read from the declarations as they are published.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const DIST = dirname(fileURLToPath(import.meta.resolve("valetkey")));
/** What the entry of the package exports of a module; `undefined` of one that it exports whole. */
const EXPORTED = new Map(
  [
    ...readFileSync(join(DIST, "index.d.ts"), "utf8").matchAll(
      /^export (?:type )?(?:\*|\{(.*)\}) from "\.\/(.*)\.js";$/gm,
    ),
  ].map(([, names, module]) => [
    `${module}.d.ts`,
    names && new Set(names.split(",").map((name) => name.replace("type", "").trim())),
  ]),
);

function undocumented(file) {
  const found = [];
  let [declared, previous] = ["", ""];
  for (const line of readFileSync(join(DIST, file), "utf8").split("\n")) {
    const opening = line.match(/^export (?:declare )?(?:interface|class|function|type|const) (\w+)/);
    const member = declared && line.match(/^ {4}(?:readonly |get |static )*(\w+)\??[:(<]/);
    const name = opening?.[1] ?? (member && member[1] !== "constructor" && `${declared}.${member[1]}`);
    if (name && !previous.endsWith("*/")) found.push({ file, name });
    if (opening) declared = /^export (?:declare )?(?:interface|class) .*\{$/.test(line) ? opening[1] : "";
    if (line.startsWith("}")) declared = "";
    if (line.trim()) previous = line.trim();
  }
  return found;
}

test("everything that is exported says what it is", () => {
  assert.ok(EXPORTED.has("models.d.ts") && EXPORTED.has("webhook-events.d.ts"), [...EXPORTED.keys()].join());
  const adapters = readdirSync(join(DIST, "adapters")).filter((file) => file.endsWith(".d.ts"));
  const files = [...EXPORTED.keys(), ...adapters.map((file) => join("adapters", file))];
  const shown = ({ file, name }) => EXPORTED.get(file)?.has(name.split(".")[0]) ?? true;
  assert.deepEqual(files.flatMap(undocumented).filter(shown), []);
});
