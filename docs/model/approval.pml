/* One approval over connections that fail: Codex waits for an answer, supervisor's
 * connection drops at any moment (three times at most), Codex repeats the request
 * some time after the resume, the desk may answer, a person may answer.
 *
 * Names as in the code: the row of ledger.db is `row` (approvals.h), a session is
 * services/supervisor/codex.h, what it proves is reconcile.cc.
 *
 * Invariants:
 *   NeverFalselySettled  a row that says "answered elsewhere" or "withdrawn" is not
 *                        one for which Codex still waits
 *   AppliedIsConfirmed   `applied` is said only after Codex has taken our answer
 *   OneAnswer            Codex takes one answer
 */
#define DROPS 3

mtype = { open, deciding, applied, elsewhere };

mtype row = open;
bool waits = true;             /* Codex's own state */
byte answers;                  /* taken by Codex */
bool ours_taken;
bool connected, resumed, repeated;
byte looks;                    /* reads of "it waits for nobody" in this session */
byte drops;
bool repeat_on_its_way;

active proctype Codex() {
  do
  :: atomic { connected && resumed && waits && !repeated && !repeat_on_its_way -> repeat_on_its_way = true }
  :: atomic { connected && repeat_on_its_way ->
       repeat_on_its_way = false; repeated = true;
       /* open(): pending by definition, whatever the row says; a decision is sent again */
       if
       :: row == deciding && waits -> waits = false; answers++; ours_taken = true
       :: row == deciding && !waits -> skip
       :: else -> row = open
       fi }
  :: atomic { waits -> waits = false; answers++ }            /* the desk answers */
  :: !waits && !repeat_on_its_way -> break
  od
}

active proctype Supervisor() {
end_up:
  do
  :: atomic { !connected -> connected = true; resumed = false; repeated = false; looks = 0; repeat_on_its_way = false }
  :: atomic { connected && !resumed -> resumed = true }      /* or it fails, and is tried again */
  :: atomic { connected && drops < DROPS -> drops++; connected = false; resumed = false; repeat_on_its_way = false }
  /* two reads after the resume, on the connection that carries the repeat */
  :: atomic { connected && resumed && !repeated && looks < 2 && !waits -> looks++ }
  :: atomic { connected && resumed && !repeated && looks == 2 && row == open ->
       row = elsewhere; assert(!waits) }                      /* NeverFalselySettled */
  :: atomic { connected && resumed && !repeated && looks == 2 && row == deciding && ours_taken ->
       row = applied; assert(ours_taken) }                    /* by the item's end */
  /* serverRequest/resolved */
  :: atomic { connected && resumed && repeated && !waits && row == deciding && ours_taken ->
       row = applied }                                        /* AppliedIsConfirmed */
  :: atomic { connected && resumed && repeated && !waits && row == open -> row = elsewhere; assert(!waits) }
  :: (row == applied || row == elsewhere) && !waits -> break
  :: atomic { connected && resumed && !waits && row == deciding && !ours_taken && looks == 2 -> break } /* unknown */
  :: atomic { connected && resumed && repeated && !waits && row == deciding && !ours_taken -> break }   /* the desk was first */
  od
}

active proctype Person() {
end_nobody:
  atomic { row == open && connected && resumed && repeated ->
    row = deciding;
    if
    :: waits -> waits = false; answers++; ours_taken = true   /* written, and taken */
    :: skip                                                    /* written into a connection that drops */
    fi }
}

active proctype Watch() {
  assert(answers <= 1);                                        /* OneAnswer */
  assert(!(row == elsewhere && waits));                        /* NeverFalselySettled */
  assert(!(row == applied && !ours_taken))
}
