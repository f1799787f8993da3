// Builds the client into build/web/, which Orbit serves as it is. Not for a
// development server: the client needs Orbit's /api and /ws on its own origin.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import solid from 'vite-plugin-solid';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('.'),
  base: '/',
  plugins: [solid()],
  build: {
    outDir: here('../build/web'),
    emptyOutDir: true,
    target: 'es2022',
    // A polyfill would be an inline-free extra request that every target browser can do without.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
