// A gRPC client of another make than the server (grpc-js), for the admin socket.
import { join } from 'node:path';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import type { Client, ServiceClientConstructor } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync } from '@grpc/proto-loader';

const OPTIONS = { keepCase: true, longs: String, enums: String, oneofs: true, defaults: true };

/** A client by the full name of a service, of what its .proto or its descriptors say. */
export function connect(
  source: string | Buffer,
  service: string,
  socket: string,
): Client & Record<string, any> {
  const types =
    typeof source === 'string'
      ? loadSync(join(import.meta.dirname, source), OPTIONS)
      : loadFileDescriptorSetFromBuffer(source, OPTIONS);
  let found: unknown = loadPackageDefinition(types);
  for (const name of service.split('.')) found = (found as Record<string, unknown>)[name];
  return new (found as ServiceClientConstructor)(`unix:${socket}`, credentials.createInsecure()) as Client &
    Record<string, any>;
}

export function call<T>(client: Record<string, any>, method: string, request: object): Promise<T> {
  return new Promise((done, failed) => {
    client[method](request, { deadline: Date.now() + 10_000 }, (error: Error | null, answer: T) =>
      error ? failed(error) : done(answer),
    );
  });
}

/** A `FileDescriptorSet` of files as reflection gives them: each is its field 1. */
export function descriptorSet(files: Buffer[]): Buffer {
  return Buffer.concat(files.flatMap((file) => [Buffer.from([0x0a]), varint(file.length), file]));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}
