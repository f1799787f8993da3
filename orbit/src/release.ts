// The release this Orbit says it is, in hello and in `GET /api/hello`. For
// people; what works together is decided by the protocol range in proto/ts.
export const RELEASE = '0.1.0';
