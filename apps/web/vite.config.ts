// How the page is built: one script, one style sheet, fonts beside them; nothing inline, so that a strict CSP holds.
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

export default defineConfig({
  base: "./",
  plugins: [onlyWoff2()],
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
