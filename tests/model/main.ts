// The scripted model as a program: `node tests/model/main.ts --port 0 --scenario FILE`.
// Prints its address as one line of JSON and runs until it is told to stop (or its
// standard input is closed, with --until-stdin-closes: it then dies with its parent).
import { parseArgs } from 'node:util';
import { startModel } from './server.ts';

const EXIT_USAGE = 64;
const PORT_MAX = 65_535;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      scenario: { type: 'string' },
      'until-stdin-closes': { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX)
    throw new Error(`\`--port ${values.port}\` is not a port: use 0 for a free one`);
  const model = await startModel({
    port,
    host: values.host,
    ...(values.scenario === undefined ? {} : { scenario: values.scenario }),
  });
  process.stdout.write(`${JSON.stringify({ port: model.port, url: model.url, baseUrl: model.baseUrl })}\n`);
  const stop = (): void => void model.close().then(() => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  if (values['until-stdin-closes']) process.stdin.resume().once('end', stop);
}

main().catch((error: Error) => {
  process.stderr.write(`scripted model: ${error.message}\n`);
  process.exit(EXIT_USAGE);
});
