/* The journal and one reader: append gives a seq, commit writes, publish tells; the
 * process is killed and the machine loses power at any moment. A reader resumes with
 * after(epoch, seq).
 *
 * Names as in the code: lib/journal/journal.h. `synced` is what a power loss leaves.
 *
 * Invariants:
 *   NeverTwice   no (epoch, seq) is told with two different contents
 *   ToldIsKept   what was told is there after a kill (a power loss begins an epoch)
 *   ExactOrGap   a reader that resumes gets what follows, or is told of a gap
 */
#define EVENTS 4
#define BREAKS 2

byte epoch = 1;
byte written, synced, told;     /* seqs of the current epoch */
byte appended;                  /* in memory, not written */
byte content[16];               /* content last told of (epoch, seq): epoch * EVENTS + seq */
byte next_content = 1;
byte pending[16];
byte breaks;
byte reader_epoch, reader_seq;

inline place(e, s, at) { at = (e - 1) * EVENTS + s - 1 }

active proctype Journal() {
  byte at;
  do
  :: atomic { written + appended < EVENTS -> appended++; place(epoch, written + appended, at); pending[at] = next_content; next_content++ }
  :: atomic { appended > 0 -> written = written + appended; appended = 0 }         /* commit */
  :: atomic { written < told -> assert(false) }                                     /* ToldIsKept */
  :: atomic { told < written ->                                                     /* publish */
       told++; place(epoch, told, at);
       assert(content[at] == 0 || content[at] == pending[at]);                      /* NeverTwice */
       content[at] = pending[at] }
  :: atomic { synced < written -> synced = written }                                /* sealed, or the kernel by itself */
  /* kill -9: memory is gone, what was written is there; what was not told yet is read by resuming */
  :: atomic { breaks < BREAKS -> breaks++; appended = 0; assert(told <= written) }
  /* power loss: unsynced pages are gone; the boot id differs, so a new epoch begins */
  :: atomic { breaks < BREAKS -> breaks++; appended = 0; written = 0; told = 0; synced = 0; epoch++ }
  :: next_content > 12 || (written == EVENTS && told == EVENTS) -> break
  od
}

active proctype Reader() {
  byte at;
  do
  :: atomic { reader_epoch != epoch -> reader_epoch = epoch; reader_seq = 0 }       /* gap: new epoch */
  :: atomic { reader_epoch == epoch && reader_seq < told ->
       reader_seq++; place(reader_epoch, reader_seq, at);
       assert(content[at] != 0) }                                                   /* ExactOrGap */
  :: atomic { reader_epoch == epoch && reader_seq > told -> assert(false) }
  :: timeout -> break
  od
}
