/* One order on its way: phone -> policy -> supervisor -> Codex, each of the two
 * services killed at any moment (twice at most), the phone sending the same signed
 * bytes up to three times, Orbit delivering any copy twice.
 *
 * Names as in the code: `remembered` and `answer` are rows of policy.db
 * (services/policy/store.h), `under_way` is services/policy/under_way.h, `progress`
 * is the row of ledger.db (services/supervisor/effects.cc). What is on a disk
 * outlives a kill, what is in memory does not.
 *
 * Invariants:
 *   AtMostOnce     Codex carries it out once at most
 *   DoneIsDone     a receipt `done` means that Codex has carried it out
 *   RefusedStays   after a receipt `refused` it is never carried out
 */
#define KILLS 2
#define COPIES 3

mtype = { none, received, done, refused, unknown };
mtype = { nothing, sent, finished };

/* policy.db */
bool remembered;
mtype answer = none;
/* policy's memory */
bool under_way;
/* ledger.db */
mtype progress = nothing;
/* Codex */
byte carried_out;
bool codex_there = true;

byte kills_policy, kills_supervisor;
byte policy_life, supervisor_life;

/* what the phone was told, ever */
bool told_done, told_refused;

chan to_policy = [4] of { bit };
chan to_supervisor = [2] of { byte, bool };   /* policy's life, ask_only */
chan to_policy_back = [2] of { byte, mtype }; /* the life it answers, the result */

inline tell(what) {
  if
  :: what == done -> told_done = true; assert(carried_out == 1) /* DoneIsDone */
  :: what == refused -> told_refused = true; assert(carried_out == 0)
  :: else -> skip
  fi
}

active proctype Phone() {
  byte copies = 0;
  do
  :: copies < COPIES -> to_policy ! 1; copies++
  :: break
  od
}

/* One copy at a time is looked at: policy has one loop. */
active proctype Policy() {
  mtype result;
  byte life;
  bool too_late;
end_idle:
  do
  :: atomic { to_policy ? 1 ->
       if
       :: answer == done || answer == refused -> tell(answer)       /* the first answer again */
       :: under_way -> skip                                          /* waits for the first */
       :: else ->
            too_late = (answer == unknown);
            remembered = true;                                       /* on the disk, with the intent */
            under_way = true;
            if
            :: nfull(to_supervisor) -> to_supervisor ! policy_life, too_late
            :: else -> under_way = false
            fi
       fi }
  :: atomic { to_policy_back ? life, result ->
       if
       :: life != policy_life -> skip                                /* the route is gone */
       :: !under_way -> skip
       :: else -> answer = result; under_way = false; tell(result)
       fi }
  /* its asker's connection ended: the request is handed over again (bus::Client) */
  :: atomic { remembered && !under_way && (answer == none) && len(to_supervisor) == 0 && policy_life > 0 ->
       under_way = true; to_supervisor ! policy_life, false }
  :: atomic { kills_policy < KILLS -> kills_policy++; policy_life++; under_way = false }
  od
}

active proctype Supervisor() {
  byte asker;
  bool ask_only;
end_idle:
  do
  :: to_supervisor ? asker, ask_only ->
begin:
       if
       :: progress == finished -> to_policy_back ! asker, done
       :: progress == sent ->                                        /* what_became_of: looks in Codex */
            if
            :: carried_out == 1 -> progress = finished; to_policy_back ! asker, done
            :: carried_out == 0 -> to_policy_back ! asker, unknown
            fi
       :: progress == nothing && ask_only -> to_policy_back ! asker, refused
       :: progress == nothing && !ask_only ->
            if
            :: !codex_there -> to_policy_back ! asker, refused
            :: codex_there ->
                 progress = sent;                                    /* synced before the write */
                 if
                 :: kills_supervisor < KILLS -> kills_supervisor++; goto begin /* killed before the write */
                 :: skip
                 fi;
                 assert(!told_refused || carried_out == 0);
                 carried_out++;
                 assert(carried_out <= 1);                           /* AtMostOnce */
                 assert(!told_refused);                              /* RefusedStays */
                 if
                 :: kills_supervisor < KILLS -> kills_supervisor++; goto begin /* killed before the answer */
                 :: progress = finished; to_policy_back ! asker, done
                 fi
            fi
       fi
  od
}

active proctype Weather() {
  do
  :: codex_there = false
  :: codex_there = true
  :: break
  od
}
