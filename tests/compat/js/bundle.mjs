// Puts a page and all that it needs into one script for a browser: bundle.mjs ENTRY OUTPUT
import { build } from "esbuild";

const [entry, outfile] = process.argv.slice(2);
const done = await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "silent",
});
console.log(JSON.stringify({ warnings: done.warnings.length }));
