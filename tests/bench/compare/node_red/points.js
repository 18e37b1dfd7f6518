// On each message: an event becomes a point, and points are written as many at a time as Menshen writes (5,000), or
// whatever there is after 0.2 s. Everything in one function, with one context access, for that is what is fastest here.
const batch = msg.payload;
const stream = batch.stream;
let rows = context.get("rows");
for (const { seq, event } of batch.events) {
    const tags = {
        site: stream.site, gate: stream.gate, urgency: stream.urgency,
        lane: event.lane, direction: event.direction || "in", outcome: event.outcome,
    };
    const fields = {
        seq, epoch: stream.epoch, late_s: Math.max(0, Date.now() / 1000 - event.time_ns / 1e9),
        reasons: event.reasons.join(","), synced: true,
    };
    if (event.type === "person-passage") {
        const t = event.temperature;
        tags.verdict = event.verdict;
        tags.place = event.place || "entrance";
        fields.badge = event.badge !== undefined;
        if (t) {
            fields.skin_c = t.skin_c; fields.u_c = t.u_c; fields.looks = t.looks;
            fields.limit_c = t.limit_c; fields.reference_c = t.reference_c;
        }
        rows.push({ measurement: "person_passage", tags, fields, timestamp: Math.round(event.time_ns / 1e6) });
    } else {
        fields.registered = event.registered === true;
        fields.confidence = event.confidence;
        rows.push({ measurement: "vehicle_passage", tags, fields, timestamp: Math.round(event.time_ns / 1e6) });
    }
}
if (rows.length >= 5000) {
    context.set("rows", []);
    return { payload: rows };
}
