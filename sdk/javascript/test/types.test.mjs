// Applications in TypeScript compile against the installed package: ES modules, CommonJS, a bundler, the AI SDK.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const folder = fileURLToPath(new URL("types", import.meta.url));

for (const project of ["tsconfig.json", "tsconfig.bundler.json", "tsconfig.ai.json"]) {
  test(`types of a consumer: ${project}`, async () => {
    const run = promisify(execFile)(process.execPath, [tsc, "-p", join(folder, project)]);
    const { failed, out } = await run.then(
      ({ stdout }) => ({ failed: false, out: stdout }),
      (error) => ({ failed: true, out: `${error.stdout}${error.stderr}` }),
    );
    assert.ok(!failed, out);
  });
}

test("package can be required and imported wherever it says", () => {
  for (const path of ["valetkey", "valetkey/openai", "valetkey/anthropic", "valetkey/ai-sdk"]) {
    assert.ok(Object.keys(require(path)).length > 0, path);
  }
  assert.equal(require("valetkey/package.json").version, require("valetkey").VERSION);
  assert.throws(() => require("valetkey/dist/cjs/http.js"), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" });
});
