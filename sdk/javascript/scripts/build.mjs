// Builds what is published: ES modules with their types in dist/esm, CommonJS with its types in dist/cjs.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");

function compile(format, ...options) {
  const out = join("dist", format);
  execFileSync(process.execPath, [tsc, "-p", "tsconfig.json", "--noEmit", "false", "--outDir", out, ...options], {
    cwd: root,
    stdio: "inherit",
  });
  mkdirSync(join(root, out), { recursive: true });
  // The nearest package.json decides how Node reads a .js file.
  const type = format === "cjs" ? "commonjs" : "module";
  writeFileSync(join(root, out, "package.json"), `${JSON.stringify({ type })}\n`);
}

rmSync(join(root, "dist"), { recursive: true, force: true });
compile("esm");
compile("cjs", "--module", "commonjs", "--moduleResolution", "bundler", "--verbatimModuleSyntax", "false");

// The licence travels with the package; in the repository there is one copy, at its root.
const licence = join(root, "..", "..", "LICENSE");
if (existsSync(licence)) copyFileSync(licence, join(root, "LICENSE"));
