context.set("rows", []);
context.set("timer", setInterval(() => {
    const rows = context.get("rows");
    if (rows.length) {
        context.set("rows", []);
        node.send({ payload: rows });
    }
}, 200));
