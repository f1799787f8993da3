// The WebSocket messages in a stream of bytes (RFC 6455, section 5.2), as they are
// written: masked or not, none is opened. What is no WebSocket passes as it comes.
const HEAD_END = Buffer.from('\r\n\r\n');

export class Frames {
  #rest = Buffer.alloc(0);
  #state: 'head' | 'frames' | 'plain' = 'head';

  /** The pieces that are whole with this chunk: the HTTP head, then frame by frame. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const pieces: Buffer[] = [];
    for (let length = this.#length(); length > 0; length = this.#length()) {
      const piece = this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(length);
      if (this.#state !== 'head') pieces.push(piece);
      else {
        const head = piece.toString('latin1');
        this.#state = /^upgrade: *websocket/im.test(head) ? 'frames' : 'plain';
        // A compressed message can't be had twice: it leans on those before it.
        pieces.push(Buffer.from(head.replace(/^sec-websocket-extensions:.*\r\n/im, ''), 'latin1'));
      }
    }
    return pieces;
  }

  /** Of the first piece; 0 as long as it is not whole. */
  #length(): number {
    const bytes = this.#rest;
    if (this.#state === 'plain') return bytes.length;
    if (this.#state === 'head') {
      const end = bytes.indexOf(HEAD_END);
      return end < 0 ? 0 : end + HEAD_END.length;
    }
    if (bytes.length < 2) return 0;
    const short = bytes[1]! & 0x7f;
    const head = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (bytes[1]! & 0x80 ? 4 : 0);
    if (bytes.length < head) return 0;
    const length =
      head +
      (short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short);
    return bytes.length < length ? 0 : length;
  }
}

/** Whether a piece is a whole message: what may come twice, or out of its turn. */
export function isMessage(piece: Buffer): boolean {
  return piece[0] === 0x81 || piece[0] === 0x82;
}
