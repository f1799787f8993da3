// Which Codex does script/run use: the user's own if it is installed, else the
// one npm brought; and is somebody logged in to it?
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from './anchor.ts';

const TRIPLES: Record<string, string> = {
  'linux-x64': 'x86_64-unknown-linux-musl', 'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin', 'darwin-arm64': 'aarch64-apple-darwin',
};

/** The native binary inside npm's platform package: no Node wrapper between. */
export function bundledCodex(): string | undefined {
  const platform = `${process.platform}-${process.arch}`;
  const file = join(root, `node_modules/@openai/codex-${platform}/vendor/${TRIPLES[platform] ?? ''}/bin/codex`);
  return existsSync(file) ? file : undefined;
}

export function installedCodex(env: NodeJS.ProcessEnv): string | undefined {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, 'codex');
    // npx puts node_modules/.bin on PATH: that one is not the user's own.
    if (folder.startsWith(join(root, 'node_modules'))) continue;
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch { /* not here */ }
  }
  return undefined;
}

export function isLoggedIn(codex: string): boolean {
  try {
    execFileSync(codex, ['login', 'status'], { stdio: 'ignore', timeout: 15_000 });
    return true;
  } catch {
    return false;
  }
}
