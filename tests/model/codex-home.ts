// Finds the real Codex binary and writes a CODEX_HOME that points it at the scripted
// model: for tests and for `script/run --demo`. Not for a user's own Codex, whose
// home is never touched, and not for starting Codex: see codex-process.ts.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

/** A name in Codex's bundled catalog: with an unknown one it offers no apply_patch tool. */
export const MODEL_NAME = 'gpt-5.5';

const TRIPLES: Record<string, string> = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
};

/**
 * The native binary inside the platform package. The npm `codex` is a Node wrapper
 * around it, which would be one more process to kill and to wait for.
 */
export function codexBinary(): string {
  const target = `${platform()}-${arch()}`;
  const triple = TRIPLES[target];
  if (triple === undefined)
    throw new Error(`no codex binary for ${target}: run on linux or darwin, x64 or arm64`);
  const name = `@openai/codex-${target}`;
  const folder = platformPackage(name);
  const binary = folder && join(folder, 'vendor', triple, 'bin/codex');
  if (!binary || !existsSync(binary))
    throw new Error(`the package \`${name}\` is not installed: run \`npm install\` with optional packages`);
  return binary;
}

/** Beside @openai/codex where npm hoisted it, or nested below it. */
function platformPackage(name: string): string | undefined {
  const here = createRequire(import.meta.url);
  try {
    const wrapper = here.resolve('@openai/codex/package.json');
    return dirname(createRequire(wrapper).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

export interface CodexHomeOptions {
  /** The model's address up to and with `/v1`: `baseUrl` of startModel. */
  baseUrl: string;
  /** `on-request` by default; Codex no longer takes `untrusted`. */
  approvalPolicy?: 'on-request' | 'never';
  sandboxMode?: 'read-only' | 'workspace-write' | 'danger-full-access';
  /** More TOML, appended after the provider's table: it must open with a table of its own. */
  extra?: string;
}

/**
 * Writes `folder/config.toml` and returns the folder's absolute path. Not below the
 * system's temp folder: there Codex makes no helper links, and terminals fail.
 */
export function writeCodexHome(folder: string, options: CodexHomeOptions): string {
  const home = resolve(folder);
  if (!relative(tmpdir(), home).startsWith('..')) {
    throw new Error(
      `\`${home}\` is in the system's temp folder, where codex does not work fully: use a folder below build/`,
    );
  }
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(join(home, 'config.toml'), configToml(options), { mode: 0o600 });
  return home;
}

function configToml(options: CodexHomeOptions): string {
  // A JSON string is a valid TOML basic string.
  return `model = ${JSON.stringify(MODEL_NAME)}
model_provider = "scripted"
approval_policy = ${JSON.stringify(options.approvalPolicy ?? 'on-request')}
sandbox_mode = ${JSON.stringify(options.sandboxMode ?? 'workspace-write')}
model_reasoning_summary = "detailed"
check_for_update_on_startup = false

[model_providers.scripted]
name = "scripted"
base_url = ${JSON.stringify(options.baseUrl)}
wire_api = "responses"
# The default of five takes half a minute before a scripted failure is shown.
request_max_retries = 1
stream_max_retries = 1

# Codex does not offer this tool unasked.
[tools.update_plan]
enabled = true

[analytics]
enabled = false

${options.extra ?? ''}`;
}
