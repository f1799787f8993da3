// Builds the client into build/web/, which Orbit serves as it is. Not for a
// development server: the client needs Orbit's /api and /ws on its own origin.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import type { Plugin } from 'vite';
import solid from 'vite-plugin-solid';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Writes sw.js with the names of all files of this release, and a name of its own for them. */
function serviceWorker(): Plugin {
  return {
    name: 'zane-service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const hash = createHash('sha256');
        const publicFiles = readdirSync(here('public')).sort();
        for (const name of publicFiles) hash.update(name).update(readFileSync(here(`public/${name}`)));
        const built = Object.values(bundle).sort((a, b) => a.fileName.localeCompare(b.fileName));
        for (const file of built)
          hash.update(file.fileName).update(file.type === 'chunk' ? file.code : file.source);
        const names = [...publicFiles, ...built.map((file) => file.fileName)];
        const files = names.map((name) => (name === 'index.html' ? '/' : `/${name}`));
        const template = readFileSync(here('sw.js'), 'utf8');
        this.emitFile({
          type: 'asset',
          fileName: 'sw.js',
          source: template
            .replace('__RELEASE__', hash.update(template).digest('hex').slice(0, 16))
            .replace("['__FILES__']", JSON.stringify(files)),
        });
      },
    },
  };
}

export default defineConfig({
  root: here('.'),
  base: '/',
  plugins: [solid(), serviceWorker()],
  build: {
    outDir: here('../build/web'),
    emptyOutDir: true,
    target: 'es2022',
    // A polyfill would be an inline-free extra request that every target browser can do without.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
