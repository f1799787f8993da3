// Bundles the Worker into one ES module, build/orbit/worker.js, that Cloudflare
// and a bare workerd both run. Not for the web client, which web/ builds.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url).href);

export default defineConfig({
  root: here('.'),
  logLevel: 'warn',
  resolve: { conditions: ['workerd', 'worker', 'browser', 'import', 'default'] },
  ssr: { target: 'webworker', noExternal: true },
  build: {
    ssr: here('src/worker.ts'),
    outDir: here('../build/orbit'),
    emptyOutDir: true,
    target: 'es2023',
    minify: false,
    copyPublicDir: false,
    rolldownOptions: {
      external: [/^cloudflare:/, /^node:/],
      output: { format: 'es', entryFileNames: 'worker.js', codeSplitting: false },
    },
  },
});
