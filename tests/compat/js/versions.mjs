// Prints the versions of what the tests drive.
import { readFileSync } from "node:fs";

const found = { node: process.version };
for (const name of ["openai", "ai", "@ag-ui/client", "@langchain/langgraph-sdk"]) {
  found[name] = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}
console.log(JSON.stringify(found));
