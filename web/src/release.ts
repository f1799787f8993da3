// The release of the client: for people, shown on the status screen and told
// in `hello`. Never compared; the protocol range decides who works with whom.
export const RELEASE = '0.1.0';
