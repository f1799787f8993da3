// Is a Codex of the user's own installed, and is somebody logged in to it?
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from './anchor.ts';

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

/** A model provider of the user's own in Codex's configuration: then no OpenAI login is needed (`model_provider`, top level of config.toml). Pure. */
export function ownProvider(toml: string): string | undefined {
  for (const line of toml.split('\n')) {
    if (line.trimStart().startsWith('[')) return undefined;
    const found = /^\s*model_provider\s*=\s*["']([^"']+)["']/.exec(line)?.[1];
    if (found !== undefined) return found === 'openai' ? undefined : found;
  }
  return undefined;
}

export function configuredProvider(env: NodeJS.ProcessEnv): string | undefined {
  const home = env['CODEX_HOME'] || join(env['HOME'] ?? '', '.codex');
  try {
    return ownProvider(readFileSync(join(home, 'config.toml'), 'utf8'));
  } catch {
    return undefined;
  }
}

export function isLoggedIn(codex: string): boolean {
  try {
    execFileSync(codex, ['login', 'status'], { stdio: 'ignore', timeout: 15_000 });
    return true;
  } catch {
    return false;
  }
}
