// How the page is built: one script, one style sheet, fonts beside them; nothing inline, so that a strict CSP holds.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

// KaTeX offers each font in three formats; every browser that runs this page reads woff2.
function onlyWoff2(): Plugin {
  return {
    name: "only-woff2",
    enforce: "pre",
    transform(code, id) {
      if (!/katex[^/]*\.css/.test(id)) return null;
      return code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)/g, "");
    },
  };
}

// The licenses of what is bundled travel with it.
function licenses(): Plugin {
  return {
    name: "licenses",
    generateBundle(_options, bundle) {
      const folders = new Set<string>(["node_modules/katex"]);
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === "chunk" ? chunk.moduleIds : []) {
          const found = /node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id);
          if (found) folders.add(found[0]);
        }
      }
      const texts = [...folders].sort().map((folder) => {
        const file = existsSync(folder) ? readdirSync(folder).sort().find((name) => /^licen[cs]e/i.test(name)) : undefined;
        const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, string>;
        return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), "utf8").trim() : ""}\n`;
      });
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: texts.join("\n" + "-".repeat(80) + "\n\n") });
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [onlyWoff2(), licenses()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2021",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    modulePreload: { polyfill: false },
    rollupOptions: { output: { manualChunks: (id) => (/node_modules/.test(id) ? "vendor" : undefined) } },
  },
  server: {
    port: 5173,
    proxy: { "/v1": "http://127.0.0.1:7411", "/hearth": "http://127.0.0.1:7411" },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
