/* The delivery protocol of one stream, for spin(1): one gate, one hub, and a way between them that does what it likes.
 *
 * Checked over all interleavings: nothing is deleted at the gate before the hub has it (LOW), the journal takes numbers
 * 1, 2, 3 … and each as the event that it is (HOLE, GAP), no acknowledgement is taken for one of another epoch's
 * (FOREIGN), and when nothing moves any more, everything is in the journal and the spool is empty (DONE).
 *
 * Each transition has a name in brackets, of the rule that takes the same step with the real code (test_machine.py), and
 * stands beside the code that it is: `module: Class.method`. What the model leaves out: batches (a batch is several steps
 * here), the two urgencies (two streams that share nothing), epochs, runs (edge.lineage has a machine of its own), and
 * hubs restored from a backup.
 */
#ifndef N
#define N 3             /* events */
#endif
#ifndef W
#define W 2             /* edge.window: WINDOW_MESSAGES */
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#define Q 3             /* messages under way in each direction */

chan up = [Q] of { byte, bit };     /* a number; 1: a gap in the event's place (edge.uplink: Uplink._forgotten) */
chan down = [Q] of { byte, bit };   /* a watermark: through, resend */

/* on disk */
byte last;              /* edge.spool: Spool.last_number */
byte low;               /* edge.spool: Spool.trim: numbers up to it are deleted */
byte journal;           /* hub.journal: Journal.through */

/* in memory, lost with the process */
bool open;              /* edge.window: Window.open */
byte sent, acked;       /* edge.window: Window.sent, Window.acknowledged */
bool birth;             /* a Status of the gate's is under way, or with the hub */
chan inbox = [W] of { byte, bit };  /* hub.ingest: Ingest._inbox */
bool marked, again;     /* hub.ingest: Ingest._marks: a watermark to publish, and whether it asks to send again */

byte faults;

#define QUIET (empty(up) && empty(down) && empty(inbox) && !marked && !birth)

inline hear(through, resend) {
    assert(through <= last);                                    /* FOREIGN; edge.window: Window.hear */
    if
    :: !open -> open = true; acked = through; sent = through    /* the hub's first word counts even if it is lower */
    :: open && through > acked -> acked = through
    :: else -> skip
    fi;
    if
    :: acked > low -> low = acked                               /* edge.uplink: Uplink._hear -> Outbox.trim */
    :: else -> skip
    fi;
    assert(low <= journal);                                     /* LOW */
    if
    :: sent < through -> sent = through
    :: else -> skip
    fi;
    if
    :: resend -> sent = acked                                   /* edge.window: Window._rewind */
    :: else -> skip
    fi
}

active proctype gate() {
    byte through;
    bit resend;
endgate:
    do
    :: last < N -> last++                                       /* [put] edge.outbox: Outbox.put -> Spool.append */
    :: atomic { !open && QUIET -> birth = true }                /* [announce] edge.uplink: Uplink._announce */
    :: atomic { open && sent < last && sent - acked < W && nfull(up) ->
            sent++;                                             /* [send] edge.uplink: Uplink._send_one */
            up ! sent, (sent <= low)
       }
    :: atomic { down ? through, resend -> hear(through, resend); through = 0; resend = 0 } /* [hear] edge.uplink: Uplink._hear */
    :: atomic { open && sent > acked && QUIET -> sent = acked } /* [overdue] edge.window: Window.overdue */
    od
}

active proctype hub() {
    byte number;
    bit gap;
endhub:
    do
    :: atomic { nfull(inbox) && nempty(up) ->
            up ? number, gap; inbox ! number, gap               /* [take] hub.ingest: Ingest._take */
       }
    :: atomic { birth -> birth = false; marked = true }         /* [answer] hub.ingest: Ingest._take_status */
    :: atomic { nempty(inbox) ->                                /* [commit] hub.ingest: Ingest._commit_all -> Journal.append */
            do
            :: nempty(inbox) ->
                inbox ? number, gap;
                if
                :: number == journal + 1 ->
                    assert(number - journal == 1);              /* HOLE */
                    assert(!gap);                               /* GAP: nothing was forgotten, so no gap is taken */
                    journal = number
                :: number > journal + 1 -> again = true
                :: else -> skip                                 /* a duplicate */
                fi
            :: empty(inbox) -> break
            od;
            marked = true                                       /* hub.ingest: Ingest._acknowledge_later, after the commit */
       }
    :: atomic { marked && nfull(down) ->                        /* [acknowledge] hub.ingest: Ingest._acknowledge */
            down ! journal, again;
            marked = false; again = false
       }
    od
}

/* Links, brokers, processes and clocks. What is lost, doubled or late is bounded in number, not in place. */
active proctype trouble() {
    byte number, other;
    bit gap, gone;
endtrouble:
    do
    :: atomic { faults < FAULTS && nempty(up) -> faults++; up ? number, gap }        /* [lose_up] the way */
    :: atomic { faults < FAULTS && nempty(down) -> faults++; down ? number, gap }    /* [lose_down] the way */
    :: atomic { faults < FAULTS && nempty(up) && nfull(up) -> faults++;              /* [double_up] the way */
            up ? <number, gap>; up ! number, gap
       }
    :: atomic { faults < FAULTS && nempty(down) && nfull(down) -> faults++;          /* [double_down] the way */
            down ? <number, gap>; down ! number, gap
       }
    :: atomic { faults < FAULTS && len(up) > 1 -> faults++;                          /* [shuffle_up] the way */
            up ? number, gap; up ! number, gap
       }
    :: atomic { faults < FAULTS && len(down) > 1 -> faults++;                        /* [shuffle_down] the way */
            down ? number, gap; down ! number, gap
       }
    :: atomic { faults < FAULTS && birth -> faults++; birth = false }                /* [lose_birth] the way */
    :: atomic { faults < FAULTS && open -> faults++; open = false; sent = acked }    /* [reconnect] edge.window: Window.connect; old messages may still come */
    :: atomic { faults < FAULTS -> faults++; open = false; sent = 0; acked = 0 }     /* [kill_gate] edge.uplink: Uplink._reset_windows */
    :: atomic { faults < FAULTS && (nempty(inbox) || marked) -> faults++;            /* [kill_hub] hub.ingest: Ingest._empty; killed, or its disk is full */
            do
            :: nempty(inbox) -> inbox ? number, gap
            :: empty(inbox) -> break
            od;
            marked = false; again = false
       }
    :: atomic { faults < FAULTS && open && sent > acked -> faults++; sent = acked }  /* [hurry] edge.window: Window.overdue; too soon */
    od
}

active proctype judge() {
    timeout -> assert(journal == N && low == N && last == N)    /* DONE */
}
