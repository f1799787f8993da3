// Is a Codex of the user's own installed, and is somebody logged in to it?
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './anchor.ts';

/** A cold start of Codex on a busy machine takes some seconds. */
const ACCOUNT_MS_MAX = 20_000;

export function installedCodex(env: NodeJS.ProcessEnv): string | undefined {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, 'codex');
    // npx puts node_modules/.bin on PATH: that one is not the user's own.
    if (folder.startsWith(join(root, 'node_modules'))) continue;
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      /* not here */
    }
  }
  return undefined;
}

export interface Account {
  loggedIn: boolean;
  /** False: its model provider is not OpenAI's, and nobody has to log in. */
  needsLogin: boolean;
}

/** What Codex itself says of its login, by `account/read` of its app-server; undefined when it does not answer. `codex login status` knows nothing of other providers. */
export function account(codex: string, env: NodeJS.ProcessEnv): Promise<Account | undefined> {
  return new Promise((done) => {
    const child = spawn(codex, ['app-server'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const finish = (found: Account | undefined): void => {
      clearTimeout(late);
      child.kill('SIGKILL');
      done(found);
    };
    const late = setTimeout(() => finish(undefined), ACCOUNT_MS_MAX);
    const say = (message: object): void => {
      child.stdin.write(`${JSON.stringify(message)}\n`);
    };
    child.once('error', () => finish(undefined));
    child.once('exit', () => finish(undefined));
    child.stdin.on('error', () => {
      /* it has ended: `exit` says so */
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = decode(line);
      if (message?.id === 1) {
        say({ method: 'initialized' });
        say({ id: 2, method: 'account/read', params: {} });
      } else if (message?.id === 2) {
        finish(
          message.result === undefined
            ? undefined
            : {
                loggedIn: Boolean(message.result.account),
                needsLogin: message.result.requiresOpenaiAuth !== false,
              },
        );
      }
    });
    say({
      id: 1,
      method: 'initialize',
      params: { clientInfo: { name: 'zane', title: 'Zane', version: '0.1.0' } },
    });
  });
}

function decode(
  line: string,
): { id?: unknown; result?: { account?: unknown; requiresOpenaiAuth?: unknown } } | undefined {
  try {
    return JSON.parse(line) as ReturnType<typeof decode>;
  } catch {
    return undefined;
  }
}
