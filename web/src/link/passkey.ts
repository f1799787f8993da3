// Sign-in and enrolment with a passkey, at Orbit. Not for the session that comes of it (auth.ts).
import { request, session } from './auth.ts';

export function passkeysWork(): boolean {
  return typeof PublicKeyCredential !== 'undefined' && 'parseCreationOptionsFromJSON' in PublicKeyCredential;
}

async function credential(make: () => Promise<Credential | null>): Promise<unknown> {
  const made = await make();
  if (!(made instanceof PublicKeyCredential)) throw new Error('no passkey was chosen: try again');
  return made.toJSON();
}

export async function signIn(): Promise<void> {
  const options = (await request('POST', '/api/login/options')) as PublicKeyCredentialRequestOptionsJSON;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const response = await credential(() => navigator.credentials.get({ publicKey }));
  await request('POST', '/api/login/verify', { response });
  await session();
}

/** Registers a passkey. A browser that already has one for this user is signed in with it instead. */
export async function enrol(token: string): Promise<void> {
  const options = (await request('POST', '/api/enroll/options', {
    token,
  })) as PublicKeyCredentialCreationOptionsJSON;
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  let response: unknown;
  try {
    response = await credential(() => navigator.credentials.create({ publicKey }));
  } catch (error) {
    if (error instanceof DOMException && error.name === 'InvalidStateError') return signIn();
    throw error;
  }
  await request('POST', '/api/enroll/verify', { token, response });
  await session();
}
