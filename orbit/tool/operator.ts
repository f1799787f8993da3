// The operator's tool: makes users and registers Macs. Whoever holds ORBIT_SECRET
// is the operator; the secret is read from the environment and never leaves this
// process. Not for users, who enrol with a link from `zane pair`.
//
//   node orbit/tool/operator.ts user
//   node orbit/tool/operator.ts adopt <orbit-url> <user> <mac> <name> <key>
import { isUser, mintUser, operatorToken } from '../src/secrets.ts';

const USAGE = `usage:
  operator.ts user                                           print a new user id
  operator.ts adopt <orbit-url> <user> <mac> <name> <key>    register a Mac's link credential
\`ORBIT_SECRET\` must be the secret this Orbit runs with`;
const SECRET_CHARS_MIN = 32;
/** Exit codes of sysexits.h: wrong usage, wrong configuration, refused by Orbit. */
const EXIT = { usage: 64, config: 78, refused: 77 } as const;
const ANSWER_MS_MAX = 30_000;

class Failure extends Error {
  readonly exit: number;
  constructor(exit: number, message: string) {
    super(message);
    this.exit = exit;
  }
}

function readSecret(): string {
  const secret = process.env['ORBIT_SECRET'] ?? '';
  if (secret.length < SECRET_CHARS_MIN)
    throw new Failure(
      EXIT.config,
      `\`ORBIT_SECRET\` is missing or shorter than ${SECRET_CHARS_MIN} characters: set it to the secret Orbit runs with`,
    );
  return secret;
}

function readOrbit(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new Failure(EXIT.usage, `\`${text}\` is not Orbit's address: write it as https://x.example`);
  return url;
}

async function adopt(args: readonly string[]): Promise<void> {
  const [orbit, user, mac, name, key, ...rest] = args;
  if (
    orbit === undefined ||
    user === undefined ||
    mac === undefined ||
    name === undefined ||
    key === undefined ||
    rest.length > 0
  )
    throw new Failure(EXIT.usage, USAGE);
  const url = readOrbit(orbit);
  const secret = readSecret();
  if (!(await isUser(secret, user)))
    throw new Failure(
      EXIT.config,
      `\`${user}\` is no user of this \`ORBIT_SECRET\`: make one with \`operator.ts user\`, or set the right secret`,
    );
  const token = await operatorToken(secret, user, mac, key);
  let answer: Response;
  try {
    answer = await fetch(new URL(`/api/users/${user}/macs/${encodeURIComponent(mac)}`, url), {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name, key }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
  } catch (error) {
    throw new Failure(
      EXIT.refused,
      `no answer from ${url.origin}: ${causeOf(error)}; check the address, and that Orbit runs`,
    );
  }
  const text = await answer.text();
  if (!answer.ok) throw new Failure(EXIT.refused, `orbit refused with ${answer.status}: ${messageOf(text)}`);
  console.log(`${mac} is registered as ${JSON.stringify(name)}`);
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function messageOf(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message);
  } catch {
    return "the answer is not Orbit's: check the address";
  }
}

async function main([command, ...args]: readonly string[]): Promise<void> {
  if (command === 'user' && args.length === 0) console.log(await mintUser(readSecret()));
  else if (command === 'adopt') await adopt(args);
  else throw new Failure(EXIT.usage, USAGE);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Failure ? error.message : error);
  process.exitCode = error instanceof Failure ? error.exit : 70;
});
