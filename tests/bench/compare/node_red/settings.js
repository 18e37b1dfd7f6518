// No editor, no HTTP at all: only the flow runs, and says when it is connected.
module.exports = {
    httpAdminRoot: false,
    httpNodeRoot: false,
    disableEditor: true,
    credentialSecret: false,
    logging: { console: { level: "info", metrics: false, audit: false } },
};
