// Writes the licences of what the bundle contains to standard output.
const { readFileSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const texts = new Map();
for (const [path, entry] of Object.entries(lock.packages).sort()) {
  if (!path || entry.dev || entry.optional) continue;
  const file = readdirSync(path).find((name) => /^licen[cs]e/i.test(name));
  const text = readFileSync(join(path, file), "utf8").trim();
  texts.set(text, [...(texts.get(text) ?? []), `${path.replace(/^node_modules\//, "")} ${entry.version}`]);
}
process.stdout.write([...texts].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`).join(`\n${"-".repeat(80)}\n\n`));
