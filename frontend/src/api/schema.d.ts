// Made by `npm run schema` from web/openapi.json.
export interface paths {
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The audit log, newest first. */
        get: operations["get /api/v1/audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a backup of the whole store while it runs.
         * @description The answer is a tar archive of what was durable when it was asked for. It holds the events, all deliveries and
         *     everything that was set up, secrets only sealed: without the master key, which is not in it, they cannot be read.
         *     `loghorn backup restore` makes a data directory of it. One at a time.
         */
        post: operations["post /api/v1/backup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/cloudevents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take CloudEvents: structured, in batches, and binary. */
        post: operations["post /api/v1/cloudevents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The settings that this server runs with, and where each came from. */
        get: operations["get /api/v1/config"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Dead letters, newest event first. */
        get: operations["get /api/v1/dead-letters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give dead letters up for good, as a job: they become cancelled, and stay on record as such. */
        post: operations["post /api/v1/dead-letters/discard"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The dead letters by subscription and cause, so that many of one kind are one line; the largest group first. */
        get: operations["get /api/v1/dead-letters/groups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send dead letters again, as a job: a new round of attempts, with the same id. What dies after it began is left alone. */
        post: operations["post /api/v1/dead-letters/replay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give one dead letter up for good: it becomes cancelled. */
        post: operations["post /api/v1/dead-letters/{id}/discard"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send one dead letter again. */
        post: operations["post /api/v1/dead-letters/{id}/replay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Deliveries, newest event first. */
        get: operations["get /api/v1/deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deliveries/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One delivery with its attempts. */
        get: operations["get /api/v1/deliveries/{id}"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deliveries/{id}/resend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a dead letter again; the same as replaying it. */
        post: operations["post /api/v1/deliveries/{id}/resend"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dispatch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether webhooks go out. */
        get: operations["get /api/v1/dispatch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dispatch/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Hold all webhooks, also over a restart. Attempts under way end; nothing is lost. */
        post: operations["post /api/v1/dispatch/pause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dispatch/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let webhooks go out again. */
        post: operations["post /api/v1/dispatch/resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Events, newest first.
         * @description A page ends early at about 8 MiB of events, with a `next_cursor`.
         */
        get: operations["get /api/v1/events"];
        put?: never;
        /** Take one event, a JSON array of them, or NDJSON. Answers once they are on disk. */
        post: operations["post /api/v1/events"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One event. */
        get: operations["get /api/v1/events/{id}"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The deliveries of one event. */
        get: operations["get /api/v1/events/{id}/deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why an event went to a subscription, or did not. */
        get: operations["get /api/v1/events/{id}/explain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/filters/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try a filter on events, saving nothing.
         * @description With `Accept: application/x-ndjson` the answer is a line with progress now and then, and the report in the last one.
         */
        post: operations["post /api/v1/filters/test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/formats/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show what a webhook would look like. Nothing is saved or sent. */
        post: operations["post /api/v1/formats/preview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the server is; always 200, for people. */
        get: operations["get /api/v1/health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** That the process answers, and nothing more. */
        get: operations["get /api/v1/health/live"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether requests can be served: 503 with the reason where not, for load balancers. */
        get: operations["get /api/v1/health/ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ingest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Take whatever a shipper sends: JSON object, array, NDJSON, concatenated JSON, a form, or lines of text; gzip, zstd,
         *     deflate or snappy; also MessagePack of Fluent Bit and Fluentd,
         *     and, by their headers, CloudEvents, Amazon Data Firehose and Heroku's drains. Answers once it is on disk.
         */
        put: operations["put /api/v1/ingest"];
        /**
         * Take whatever a shipper sends: JSON object, array, NDJSON, concatenated JSON, a form, or lines of text; gzip, zstd,
         *     deflate or snappy; also MessagePack of Fluent Bit and Fluentd,
         *     and, by their headers, CloudEvents, Amazon Data Firehose and Heroku's drains. Answers once it is on disk.
         */
        post: operations["post /api/v1/ingest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ingest/{source}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** The same, with the source in the path for events that name none. */
        put: operations["put /api/v1/ingest/{source}"];
        /** The same, with the source in the path for events that name none. */
        post: operations["post /api/v1/ingest/{source}"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Jobs, newest first. */
        get: operations["get /api/v1/jobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One job. */
        get: operations["get /api/v1/jobs/{id}"];
        put?: never;
        post?: never;
        /** End a running job. What it did already stays done: what it queued is delivered all the same. */
        delete: operations["delete /api/v1/jobs/{id}"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keyring/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change the master key. Only the keyring is written anew; secrets stay sealed as they are, and nothing waits. */
        post: operations["post /api/v1/keyring/rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Keys, newest first, those that let nobody in any more included. */
        get: operations["get /api/v1/keys"];
        put?: never;
        /** Make a key. The answer is the only place that shows it. */
        post: operations["post /api/v1/keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a key: it lets nobody in any more, from the answer on. */
        delete: operations["delete /api/v1/keys/{id}"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Count queues and dead letters anew and hold them against the counters. */
        get: operations["get /api/v1/ledger"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/receiver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The built-in receiver and what arrived there. */
        get: operations["get /api/v1/receiver"];
        /** Say how it is to answer. */
        put: operations["put /api/v1/receiver"];
        post?: never;
        /** Forget what arrived. */
        delete: operations["delete /api/v1/receiver"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is calling: a session, a key, or anybody where none is needed. */
        get: operations["get /api/v1/session"];
        put?: never;
        /** Open a session: the answer sets its cookie. */
        post: operations["post /api/v1/session"];
        /** End the session. */
        delete: operations["delete /api/v1/session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a link that lets a browser in, once and within a minute, with what the caller's key may do. A session makes none:
         *     it would outlive itself.
         */
        post: operations["post /api/v1/session/link"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counts. */
        get: operations["get /api/v1/stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/stats/failures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why attempts failed. */
        get: operations["get /api/v1/stats/failures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/stats/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What happened in time, of all endpoints or of one subscription's. */
        get: operations["get /api/v1/stats/series"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/stats/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How some subscriptions fared. */
        get: operations["get /api/v1/stats/subscriptions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Subscriptions, oldest first. */
        get: operations["get /api/v1/subscriptions"];
        put?: never;
        /** Make a subscription. The answer holds its secret, which is shown only here. */
        post: operations["post /api/v1/subscriptions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send one signed test webhook to a receiver whose subscription is not saved yet. Nothing of it is kept. */
        post: operations["post /api/v1/subscriptions/check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One subscription. */
        get: operations["get /api/v1/subscriptions/{id}"];
        /** Replace what was written. `If-Match` guards against lost updates. */
        put: operations["put /api/v1/subscriptions/{id}"];
        post?: never;
        /** Delete it: nothing more is sent, and what waits is cancelled. */
        delete: operations["delete /api/v1/subscriptions/{id}"];
        options?: never;
        head?: never;
        /** Change some members: a JSON merge patch (RFC 7396). */
        patch: operations["patch /api/v1/subscriptions/{id}"];
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/backfill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deliver past events through the subscription's filter, as it is now. Events that had a delivery are left out. */
        post: operations["post /api/v1/subscriptions/{id}/backfill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/circuit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How the circuits of this subscription stand. */
        get: operations["get /api/v1/subscriptions/{id}/circuit"];
        put?: never;
        /** Open, close or probe them by hand. */
        post: operations["post /api/v1/subscriptions/{id}/circuit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let deliveries queue up. */
        post: operations["post /api/v1/subscriptions/{id}/pause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/promote": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a shadow live: what matches from now on is sent. */
        post: operations["post /api/v1/subscriptions/{id}/promote"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deliver again, what waits first; one that was disabled is enabled again. */
        post: operations["post /api/v1/subscriptions/{id}/resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The secrets that sign now, the present one first. */
        get: operations["get /api/v1/subscriptions/{id}/secrets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/secrets/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Replace the secret. The one before signs too until the overlap is over. */
        post: operations["post /api/v1/subscriptions/{id}/secrets/rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/secrets/{number}/reveal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show a secret. That it was shown is in the audit log. */
        post: operations["post /api/v1/subscriptions/{id}/secrets/{number}/reveal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/shadow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a shadow would have sent, newest first. */
        get: operations["get /api/v1/subscriptions/{id}/shadow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/subscriptions/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a synthetic, marked event to this subscription alone, through the real path. */
        post: operations["post /api/v1/subscriptions/{id}/test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ws-ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a ticket that opens one socket (`/api/v1/ws`) within a minute, for clients that can show neither key nor cookie
         *     there.
         */
        post: operations["post /api/v1/ws-ticket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take logs as Datadog does. */
        post: operations["post /api/v2/logs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/es": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What clients ask first. */
        get: operations["get /es"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/es/_bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Take documents as Elasticsearch's bulk interface does: NDJSON of actions and their sources. */
        put: operations["put /es/_bulk"];
        /** Take documents as Elasticsearch's bulk interface does: NDJSON of actions and their sources. */
        post: operations["post /es/_bulk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/gelf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take GELF messages. */
        post: operations["post /gelf"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/loki/api/v1/push": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take log streams as Loki does, as protobuf or JSON. */
        post: operations["post /loki/api/v1/push"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All series, in Prometheus' text format. */
        get: operations["get /metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/collector": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take events as Splunk's HTTP Event Collector does: envelopes one after another, or an array. */
        post: operations["post /services/collector"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services/collector/raw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The same for raw lines. */
        post: operations["post /services/collector/raw"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take the journal of systemd-journal-upload. */
        post: operations["post /upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take log records by OTLP over HTTP, as protobuf or JSON. */
        post: operations["post /v1/logs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What became of one event. */
        Accepted: {
            /** @description True where the id was known already: nothing new was stored. */
            duplicate?: boolean;
            /** @description Its id. */
            id: string;
            /**
             * Format: int64
             * @description Its place in the log.
             */
            seq: number;
            /** @description Always `accepted`. */
            status: string;
        };
        /** @description How it answers. */
        Answer: {
            /**
             * Format: int32
             * @description With this status code.
             */
            status: number;
        } | "slow" | "hang";
        /** @description What lets webhooks in at their receiver. */
        Auth: {
            /** @description At most 4096 bytes. */
            password: string;
            /** @enum {string} */
            type: "basic";
            /** @description Without a colon. */
            username: string;
        } | {
            /** @description Letters, digits and `-._~+/=`. */
            token: string;
            /** @enum {string} */
            type: "bearer";
        } | {
            /**
             * @description Its name.
             * @example X-Api-Key
             */
            name: string;
            /** @enum {string} */
            type: "header";
            /** @description Its value. */
            value: string;
        } | {
            /** @description Whom the token is for, where the server wants to know. */
            audience?: string | null;
            /** @description `basic`: id and secret go in `Authorization`; `post`: in the body. `basic` where absent. */
            client_auth?: string | null;
            /** @description Who asks. */
            client_id: string;
            /** @description What proves it. */
            client_secret: string;
            /** @description What the token is to be good for; parted by spaces. */
            scope?: string | null;
            /**
             * @description Where tokens are fetched; held to the same rules as a webhook's URL.
             * @example https://login.example.com/oauth/token
             */
            token_url: string;
            /** @enum {string} */
            type: "oauth2";
        };
        /** @description What a backfill is to do. */
        BackfillBody: {
            /** @description Only count what would be sent. */
            dry_run?: boolean;
            /**
             * @description Deliveries in a time at most, such as `20/s`; as fast as the receiver takes them where absent.
             * @example 20/s
             */
            rate?: string | null;
            /**
             * @description Events received from then on: a time, or a span such as `1h`.
             * @example 24h
             */
            since: string;
            /** @description Events received before; now where absent. */
            until?: string | null;
        };
        /** @description How many events go in one webhook, as `{"type":"batch","timestamp":…,"data":[{event},…]}`. */
        Batch: {
            /**
             * Format: int32
             * @description Largest body in bytes, unless a single event is larger: 1024 to 16777216; 262144 where absent.
             * @example 262144
             */
            max_bytes?: number | null;
            /**
             * Format: int32
             * @description At most so many, 1–256; 1 is no batch at all.
             * @example 100
             */
            max_events: number;
            /**
             * @description The longest an event waits for others, `0s` (where absent: what waits already goes together) to `5m`.
             * @example 5s
             */
            max_wait?: string | null;
        };
        /** @description Attempts that failed alike. */
        Cause: {
            /** @description What they came to. */
            class: string;
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /**
             * Format: int32
             * @description The status code, where an answer came.
             */
            status_code?: number | null;
        };
        /** @description A subscription as it is being written. */
        CheckBody: components["schemas"]["Optional"] & {
            /** @description The event to send, as `GET /api/v1/events/{id}` shows it; a synthetic one where absent. */
            event?: unknown;
            /** @description Event types and patterns; the event is sent whether it matches or not. */
            events?: string[] | null;
            /** @description A name for people. */
            name?: string | null;
            /** @description What signs the webhook; drawn for this call where absent. Not beside `subscription`. */
            secret?: string | null;
            /**
             * @description The id of a saved subscription that is being changed: the rest is a merge patch of it (RFC 7396), and its
             *     secrets sign.
             */
            subscription?: string | null;
            /** @description Where the webhook goes; required where no `subscription` is named. */
            url?: string | null;
        };
        /** @description What a receiver made of one signed test webhook. */
        Checked: {
            /** @description Until when the receiver's certificate is valid, also where it was refused; null where none was seen. */
            certificate_expires_at?: string | null;
            /** @description What it came to, as of an attempt: `ok`, `http_4xx`, `dns`, `tls` … */
            class: string;
            /**
             * Format: double
             * @description How long it took.
             */
            duration_ms: number;
            /** @description What went wrong, in words. */
            error?: string | null;
            /** @description The parts of that, where known. */
            phases: components["schemas"]["Phases"];
            /** @description What came back. */
            response: components["schemas"]["ShownResponse"];
            /**
             * Format: int32
             * @description The status code, if an answer came.
             */
            status_code?: number | null;
            /**
             * Format: int64
             * @description Whole days until then; negative where it is over.
             */
            tls_days?: number | null;
        };
        /** @description How the circuit of a subscription's own URL stands, and those of its regions. */
        Circuit: components["schemas"]["Standing"] & {
            /** @description Those of its regions, by name. A region that is no more is among them while something waits there. */
            regions?: {
                [key: string]: components["schemas"]["Standing"];
            };
            /** @description Whose. */
            subscription_id: string;
        };
        /** @description What is to be done with a circuit. */
        CircuitBody: {
            /**
             * @description `open`: attempt nothing until told otherwise. `close`: let attempts flow and forget past failures. `probe`: make
             *     one attempt now, and go by what it comes to.
             * @example close
             */
            action: string;
            /**
             * @description Only with the circuit of this region; with all of the subscription where absent.
             * @example eu
             */
            region?: string | null;
        };
        /** @description A circuit changed. */
        CircuitChange: {
            /** @description When. */
            at: string;
            /** @description Why, in words. */
            cause: string;
            /** @description What it is since then. */
            circuit: string;
            /** @description When an open one is probed. */
            until?: string | null;
        };
        /** @description A [`Condition`], for the API's description; a test holds both together. */
        Condition: {
            /** @description What `any`, `all` and `not` are made of. */
            conditions?: components["schemas"]["Condition"][];
            /**
             * @description The same for a person.
             * @example metadata.amount is 86.1, not greater than 1000
             */
            message: string;
            /** @description Whether it holds. */
            passed: boolean;
            /**
             * @description JSON pointer to it in the subscription.
             * @example /filters/metadata/amount/gt
             */
            pointer: string;
            /**
             * @description What was seen in the event; a list where a path selects several values, null where there is none. Of what is
             *     large the beginning, and then `…`.
             */
            value: unknown;
        };
        /** @description For how many events a condition held. */
        Count: {
            /**
             * Format: int64
             * @description For so many it held.
             */
            passed: number;
            /** @description JSON pointer to the condition. */
            pointer: string;
            /**
             * Format: int64
             * @description Of so many: all for `/events`, those of a wanted type for the rest.
             */
            tested: number;
        };
        /** @description How many there are. */
        Counted: {
            /**
             * Format: int64
             * @description So many.
             */
            count: number;
        };
        /** @description A delivery. */
        Delivery: {
            /**
             * Format: int32
             * @description Attempts made.
             */
            attempts: number;
            /** @description When the event was received. */
            created_at: string;
            /** @description When it ended. */
            ended_at?: string | null;
            /** @description The event. */
            event_id: string;
            /**
             * Format: int64
             * @description The event's place in the log.
             */
            event_seq: number;
            /** @description The event's type; null where the event is no longer kept. */
            event_type?: string | null;
            /** @description Its id, also the `webhook-id`. */
            id: string;
            /** @description The last attempt's class. */
            last_class?: string | null;
            /**
             * Format: int32
             * @description The last attempt's status code.
             */
            last_status_code?: number | null;
            /** @description When it is tried again. */
            next_attempt_at?: string | null;
            /** @description `live`, `backfill`, `replay` or `test`. */
            origin: string;
            /** @description Why it is a dead letter. */
            reason?: string | null;
            /** @description `queued`, `attempting`, `retrying`, `delivered`, `dead_letter` or `cancelled`. */
            status: string;
            /** @description The subscription; null where it was deleted. */
            subscription_id?: string | null;
            /** @description Where it goes. */
            url?: string | null;
        };
        /**
         * @description Deliveries: `total_deliveries` is the sum of `delivered`, `failed`, `queued`, `attempting`, `retrying` and `cancelled`,
         *     at every answer.
         */
        DeliveryStats: {
            /**
             * Format: int64
             * @description Under way.
             */
            attempting: number;
            /**
             * Format: int64
             * @description Cancelled.
             */
            cancelled: number;
            /**
             * Format: int64
             * @description Ended with a 2xx.
             */
            delivered: number;
            /**
             * Format: int64
             * @description Of those delivered, the ones that a digest told of.
             */
            digested?: number;
            /**
             * Format: int64
             * @description Dead letters.
             */
            failed: number;
            /**
             * Format: int64
             * @description Waiting for their first attempt.
             */
            queued: number;
            /**
             * Format: int64
             * @description Waiting for another attempt.
             */
            retrying: number;
            /**
             * Format: double
             * @description 100 · delivered ÷ (delivered + failed); null while nothing has ended.
             */
            success_rate?: number | null;
            /**
             * Format: int64
             * @description Ever made.
             */
            total_deliveries: number;
        };
        /** @description A delivery with its attempts. */
        DeliveryWithAttempts: components["schemas"]["Delivery"] & {
            /** @description Its attempts, in order. */
            attempt_log: components["schemas"]["ShownAttempt"][];
        };
        /** @description Whether webhooks go out. */
        Dispatch: {
            /**
             * Format: int64
             * @description Attempts that are under way still.
             */
            attempting: number;
            /** @description Since when it is paused. */
            since?: string | null;
            /** @description `running`, or `paused`: nothing is sent, whatever waits is kept, events are taken and matched as ever. */
            state: string;
            /**
             * Format: int64
             * @description Deliveries that wait.
             */
            waiting: number;
        };
        /** @description One call that changed something, or whose key may. */
        Entry: {
            /** @description When it was answered. */
            at: string;
            /** @description The address that it came from. */
            from: string;
            /** @description The method. */
            method: string;
            /** @description The key's name. */
            name?: string | null;
            /**
             * Format: int64
             * @description Its place; ascending.
             */
            number: number;
            /** @description The route, as it stands in this description. */
            route: string;
            /** @description The key's scope. */
            scope?: string | null;
            /**
             * Format: int32
             * @description The answer's status code.
             */
            status: number;
            /** @description The thing that it was about: named in the path, or made. */
            target?: string | null;
            /** @description The id of the key that was shown; `admin.key` or `LOGHORN_ADMIN_KEY`; or `loopback`: none was needed. */
            who: string;
        };
        /** @description Events. */
        EventStats: {
            /**
             * Format: int64
             * @description Stored since the start.
             */
            accepted: number;
            /**
             * Format: int64
             * @description Known already, since the start.
             */
            duplicates: number;
            /**
             * Format: int64
             * @description Oldest event kept.
             */
            first_seq: number;
            /**
             * Format: int64
             * @description Newest event.
             */
            last_seq: number;
            /**
             * Format: double
             * @description Stored a second, on average since the start.
             */
            per_second: number;
            /**
             * Format: int64
             * @description Refused because they were bad, since the start.
             */
            rejected: number;
            /**
             * Format: int64
             * @description Last event that was matched.
             */
            routed_seq: number;
        };
        /** @description Explanations of one event. */
        Explained: {
            /** @description The event. */
            event_id: string;
            /**
             * Format: int64
             * @description Its place in the log.
             */
            event_seq: number;
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
            /** @description Whether the router has passed it. Where not, nothing is decided yet. */
            routed: boolean;
            /** @description Why nothing came of the event, if matching it failed and the router passed it over. */
            set_aside?: string | null;
            /** @description For each subscription how it was decided, and how it would be now. */
            subscriptions: components["schemas"]["OfSubscription"][];
        };
        /** @description Failed attempts by what they came to. */
        Failures: {
            /** @description Most first. */
            items: components["schemas"]["Cause"][];
        };
        /** @description How one subscription fared. */
        Figures: {
            /**
             * Format: int64
             * @description Deliveries that ended with a 2xx.
             */
            delivered: number;
            /**
             * Format: int64
             * @description Deliveries that were given up.
             */
            failed: number;
            /** @description The minute of its last attempt in that time. */
            last_at?: string | null;
            /**
             * Format: double
             * @description The time that 95 % of the attempts did not exceed, in milliseconds, within a fifth.
             */
            p95_ms?: number | null;
            /** @description Deliveries that ended, in 24 equal steps; null where there was no attempt. */
            spark: (number | null)[];
            /** @description Which. */
            subscription_id: string;
            /**
             * Format: double
             * @description 100 · delivered ÷ (delivered + failed); null where nothing ended.
             */
            success_rate?: number | null;
        };
        /** @description Which dead letters. All members must hold. */
        Filter: {
            /** @description Whose last attempt had this class. */
            class?: string | null;
            /** @description These. */
            ids?: string[] | null;
            /** @description Whose event came since: a time, or a span such as `1h`. */
            since?: string | null;
            /** @description Of this subscription. */
            subscription?: string | null;
        };
        /** @description What narrows a subscription beyond its event types. */
        Filters: {
            /** @description All of these must hold. */
            all?: components["schemas"]["Filters"][] | null;
            /** @description One of these must hold. */
            any?: components["schemas"]["Filters"][] | null;
            /**
             * @description One of these levels.
             * @example [
             *       "ERROR",
             *       "CRITICAL"
             *     ]
             */
            levels?: string[] | null;
            /** @description A regular expression that is searched in the message. */
            message?: string | null;
            /**
             * @description By path within the metadata, dotted (`card.brand`) or a JSONPath (`$.items[*].sku`): a value that must be equal,
             *     a list of which one must, or an object of the operators `eq ne gt gte lt lte in not_in exists regex prefix
             *     suffix contains`, which must all hold for the same value.
             */
            metadata?: Record<string, never> | null;
            /**
             * @description This level or a worse one.
             * @example WARNING
             */
            min_level?: string | null;
            not?: components["schemas"]["Filters"] | null;
            schedule?: components["schemas"]["Schedule"] | null;
            /** @description A regular expression that must match the whole source, or a list of which one must. */
            source?: Record<string, never> | null;
            /**
             * @description A logical expression of RFC 9535 with `@` as the whole event.
             * @example @.metadata.amount > 1000
             */
            where?: string | null;
        };
        /** @description Dead letters of one URL of a subscription that died for the same cause. */
        Group: {
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /** @description The class of the last attempt. */
            last_class?: string | null;
            /** @description What went wrong in the last attempt of the newest, in words. */
            last_error?: string | null;
            /**
             * Format: int32
             * @description The status code of the last attempt.
             */
            last_status_code?: number | null;
            /** @description When the newest event was received. */
            newest: string;
            /** @description When the oldest event was received. */
            oldest: string;
            /** @description Why they are dead letters. */
            reason?: string | null;
            /** @description Ids of a few, the newest first. */
            samples: string[];
            /** @description Whose; null where it was deleted. */
            subscription_id?: string | null;
            /** @description Its name. */
            subscription_name?: string | null;
            /** @description Where they were to go, as it is now. */
            url?: string | null;
        };
        /** @description Dead letters in groups, the largest first. */
        Groups: {
            /** @description Whether those are all, and no more groups follow. Only the newest 100,000 are looked at. */
            complete: boolean;
            /**
             * Format: int64
             * @description Dead letters that were counted.
             */
            counted: number;
            /** @description The groups. */
            items: components["schemas"]["Group"][];
            /** @description Where the next page begins. What died or was replayed since may have moved groups from one page to another. */
            next_cursor?: string | null;
        };
        /** @description How the server is. */
        Health: {
            /** @description The state of each part: `ready`, `degraded` or `down`. */
            components: {
                [key: string]: string;
            };
            /** @description Why each part that is not ready is not. */
            reasons?: {
                [key: string]: string;
            };
            /** @description `healthy` or `degraded`. */
            status: string;
            /** @description The store: `ready` or `down`. */
            store: string;
            /**
             * Format: int64
             * @description Seconds since the start.
             */
            uptime_seconds: number;
            /** @description This server's version. */
            version: string;
        };
        /** @description What became of a batch. */
        Ingested: {
            /**
             * Format: int64
             * @description Stored.
             */
            accepted: number;
            /**
             * Format: int64
             * @description Known already.
             */
            duplicates: number;
            /** @description The first ten that were not stored. */
            errors: components["schemas"]["Rejected"][];
            /**
             * Format: int64
             * @description Not stored; `errors` says why.
             */
            rejected: number;
        };
        /** @description One thing that is wrong with what was sent. */
        Item: {
            /** @description What was expected. */
            detail: string;
            /** @description JSON pointer to it. */
            pointer: string;
        };
        /** @description A job. What it does not have, by its kind, is null or 0. */
        Job: {
            /**
             * Format: int64
             * @description Of those, the ones that were read, queued again or given up.
             */
            done: number;
            /** @description Whether it only counts. */
            dry_run: boolean;
            /** @description When it ended. */
            ended_at?: string | null;
            /** @description Why it failed. */
            error?: string | null;
            /**
             * Format: int64
             * @description Of those, the ones that could not be dealt with: dead letters whose subscription is gone or disabled. A backfill
             *     ends at the first.
             */
            failed: number;
            filter?: components["schemas"]["Filter"] | null;
            /** @description Its id. */
            id: string;
            /** @description `backfill`, `replay` or `discard`. */
            kind: string;
            /**
             * Format: int64
             * @description Events that match so far.
             */
            matched: number;
            /**
             * Format: int64
             * @description Deliveries made so far, or queued again.
             */
            queued: number;
            /** @description Deliveries in a time at most: `20/s`. */
            rate?: string | null;
            /** @description Events received from then on. */
            since?: string | null;
            /**
             * Format: int64
             * @description Of the matching events, those that had a delivery to this subscription already; of dead letters, those that were
             *     none any more when their turn came.
             */
            skipped: number;
            /** @description When it began. */
            started_at: string;
            /** @description `running`, `done`, `cancelled` or `failed`. */
            state: string;
            /** @description Whose past events are delivered, or whose dead letters are dealt with. */
            subscription_id?: string | null;
            /** @description Its name: of a backfill's when the job began. */
            subscription_name?: string | null;
            /**
             * Format: int64
             * @description Events of the log to be read; or dead letters that were found when it began.
             */
            total: number;
            /** @description Events received before. */
            until?: string | null;
            /**
             * Format: int32
             * @description The version of the subscription whose filter decides.
             */
            version?: number | null;
            /** @description What a running job waits for, if it does. */
            waiting?: string | null;
        };
        /** @description A key, without its text. */
        Key: {
            /** @description When it was made. */
            created_at: string;
            /** @description From then on it is worth nothing; null: it does not expire. */
            expires_at?: string | null;
            /** @description What to name it by; no secret. */
            id: string;
            /** @description When it was last used. After a restart it may be a minute too early. */
            last_used_at?: string | null;
            /** @description Whose or what for. */
            name: string;
            /** @description When it was revoked. */
            revoked_at?: string | null;
            /** @description `ingest`, `read`, `manage` or `admin`. */
            scope: string;
            /** @description `active`, `expired` or `revoked`. */
            state: string;
        };
        /** @description The key to be made. */
        KeyBody: {
            /**
             * @description How long it is good for; for ever where absent.
             * @example 90d
             */
            expires_in?: string | null;
            /**
             * @description Whose or what for: 1 to 100 characters.
             * @example payment service
             */
            name: string;
            /**
             * @description `ingest`: send events. `read`: read. `manage`: both, and change subscriptions, deliveries and jobs. `admin`:
             *     everything.
             * @example ingest
             */
            scope: string;
        };
        /** @description The ledger of every subscription that ever had a delivery. */
        Ledger: {
            /**
             * Format: int64
             * @description The sum over all; 0 means that it balances.
             */
            imbalance: number;
            /** @description One line for each of its URLs. */
            items: components["schemas"]["Line"][];
        };
        /** @description The ledger of one URL of a subscription. */
        Line: {
            /**
             * Format: int64
             * @description Cancelled.
             */
            cancelled: number;
            /**
             * Format: int64
             * @description Dead letters.
             */
            dead: number;
            /**
             * Format: int64
             * @description Dead letters, counted.
             */
            dead_counted: number;
            /**
             * Format: int64
             * @description Delivered.
             */
            delivered: number;
            /**
             * Format: int64
             * @description Of those, told of in a digest.
             */
            digested?: number;
            /**
             * Format: int64
             * @description Dead letters that retention removed.
             */
            expired: number;
            /**
             * Format: int64
             * @description How far it is from balancing.
             */
            imbalance: number;
            /**
             * Format: int64
             * @description Deliveries ever made.
             */
            matched: number;
            /** @description Which of its regions; absent where it is that of its own URL. */
            region?: string | null;
            /**
             * Format: int64
             * @description Of those, waiting for another try.
             */
            retrying: number;
            /**
             * Format: int64
             * @description Waiting for another try, counted.
             */
            retrying_counted: number;
            /** @description Whose; null where its record is gone. */
            subscription_id?: string | null;
            /**
             * Format: int64
             * @description In the queue, by the counters.
             */
            waiting: number;
            /**
             * Format: int64
             * @description In the queue, counted.
             */
            waiting_counted: number;
        };
        /** @description A link that lets a browser in, once. */
        Link: {
            /** @description Until when it works. */
            expires_at?: string | null;
            /** @description To be put behind `#login=` in the dashboard's address; null where no key is needed. */
            token?: string | null;
        };
        /** @description A key that was just made. */
        NewKey: {
            /** @description When it was made. */
            created_at: string;
            /** @description From then on it is worth nothing. */
            expires_at?: string | null;
            /** @description What to name it by; no secret. */
            id: string;
            /** @description The key itself, shown only here. */
            key: string;
            /** @description Its name. */
            name: string;
            /** @description What it is for. */
            scope: string;
        };
        /** @description One subscription's explanation at one version. */
        OfSubscription: {
            /** @description Every condition with its result; it matched if all passed. */
            conditions: components["schemas"]["Condition"][];
            /** @description The delivery of this event to this subscription, if there is one. */
            delivery_id?: string | null;
            /** @description Whether it matched. For `routed` where the record is gone: null, unknown. */
            matched?: boolean | null;
            /** @description `live`, or `shadow`: at this version matching events were only counted. Null where that is not known. */
            mode?: string | null;
            /** @description Its name, at this version. */
            name: string;
            /** @description Which. */
            subscription_id: string;
            /**
             * Format: int32
             * @description The version; null where it is not known which decided, or where there was none yet.
             */
            version?: number | null;
            /** @description `routed`: as it was decided when the event was routed. `now`: as it would be if the event came in now. */
            when: string;
        };
        /** @description Who makes alerts in Opsgenie. */
        Opsgenie: {
            /** @description The key of an API integration. Masked when shown; the mask sent back means "as it was". */
            api_key: string;
        };
        /** @description What may be left out of a subscription. */
        Optional: {
            auth?: components["schemas"]["Auth"] | null;
            batch?: components["schemas"]["Batch"] | null;
            /** @description More words for people; at most 4000 characters. */
            description?: string | null;
            /** @description Whether events are matched at all. */
            enabled?: boolean | null;
            filters?: components["schemas"]["Filters"] | null;
            /**
             * @description The form of the body: `standard`, `slack`, `pagerduty`, `discord`, `teams`, `opsgenie`, `cloudevents` or `template`.
             * @example standard
             */
            format?: string | null;
            /**
             * @description Headers added to each webhook. Values that look like credentials are masked when shown; a masked value that is
             *     sent back means "as it was".
             */
            headers?: {
                [key: string]: string;
            } | null;
            /**
             * @description `live`, or `shadow`: matching events are counted and shown, but not sent, until it is promoted.
             * @example live
             */
            mode?: string | null;
            /**
             * @description `each`, or `digest`: after an outage one webhook tells of everything that waits.
             * @example each
             */
            on_recovery?: string | null;
            opsgenie?: components["schemas"]["Opsgenie"] | null;
            /**
             * @description `none`, or `strict`: one delivery at a time in the order of the log. While the oldest is retried everything
             *     behind it waits.
             * @example none
             */
            ordering?: string | null;
            pagerduty?: components["schemas"]["Pagerduty"] | null;
            /**
             * @description `high`, `normal` or `low`: its share where all endpoints together wait for a turn. Where absent `normal`, and
             *     `high` for events of level CRITICAL.
             * @example normal
             */
            priority?: string | null;
            rate_limit?: components["schemas"]["RateLimit"] | null;
            regions?: components["schemas"]["Regions"] | null;
            retry?: components["schemas"]["Retry"] | null;
            /** @description The header that carries the plain signature, `X-Webhook-Signature` where absent; `null` leaves it out. */
            signature_header?: string | null;
            /**
             * @description The body in MiniJinja, for the format `template`; at most 64 KiB. It knows `event`, `events` and `subscription`,
             *     and makes JSON unless `headers` have another `Content-Type`.
             * @example {"text": "{{ event.level }} {{ event.message }}"}
             */
            template?: string | null;
            /**
             * @description The longest an attempt may take, `100ms` to `120s`.
             * @example 10s
             */
            timeout?: string | null;
            tls?: components["schemas"]["Tls"] | null;
        };
        /** @description One page of a list. */
        Page_Delivery: {
            /** @description What is on it. */
            items: {
                /**
                 * Format: int32
                 * @description Attempts made.
                 */
                attempts: number;
                /** @description When the event was received. */
                created_at: string;
                /** @description When it ended. */
                ended_at?: string | null;
                /** @description The event. */
                event_id: string;
                /**
                 * Format: int64
                 * @description The event's place in the log.
                 */
                event_seq: number;
                /** @description The event's type; null where the event is no longer kept. */
                event_type?: string | null;
                /** @description Its id, also the `webhook-id`. */
                id: string;
                /** @description The last attempt's class. */
                last_class?: string | null;
                /**
                 * Format: int32
                 * @description The last attempt's status code.
                 */
                last_status_code?: number | null;
                /** @description When it is tried again. */
                next_attempt_at?: string | null;
                /** @description `live`, `backfill`, `replay` or `test`. */
                origin: string;
                /** @description Why it is a dead letter. */
                reason?: string | null;
                /** @description `queued`, `attempting`, `retrying`, `delivered`, `dead_letter` or `cancelled`. */
                status: string;
                /** @description The subscription; null where it was deleted. */
                subscription_id?: string | null;
                /** @description Where it goes. */
                url?: string | null;
            }[];
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Page_Entry: {
            /** @description What is on it. */
            items: {
                /** @description When it was answered. */
                at: string;
                /** @description The address that it came from. */
                from: string;
                /** @description The method. */
                method: string;
                /** @description The key's name. */
                name?: string | null;
                /**
                 * Format: int64
                 * @description Its place; ascending.
                 */
                number: number;
                /** @description The route, as it stands in this description. */
                route: string;
                /** @description The key's scope. */
                scope?: string | null;
                /**
                 * Format: int32
                 * @description The answer's status code.
                 */
                status: number;
                /** @description The thing that it was about: named in the path, or made. */
                target?: string | null;
                /** @description The id of the key that was shown; `admin.key` or `LOGHORN_ADMIN_KEY`; or `loopback`: none was needed. */
                who: string;
            }[];
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Page_Job: {
            /** @description What is on it. */
            items: {
                /**
                 * Format: int64
                 * @description Of those, the ones that were read, queued again or given up.
                 */
                done: number;
                /** @description Whether it only counts. */
                dry_run: boolean;
                /** @description When it ended. */
                ended_at?: string | null;
                /** @description Why it failed. */
                error?: string | null;
                /**
                 * Format: int64
                 * @description Of those, the ones that could not be dealt with: dead letters whose subscription is gone or disabled. A backfill
                 *     ends at the first.
                 */
                failed: number;
                filter?: components["schemas"]["Filter"] | null;
                /** @description Its id. */
                id: string;
                /** @description `backfill`, `replay` or `discard`. */
                kind: string;
                /**
                 * Format: int64
                 * @description Events that match so far.
                 */
                matched: number;
                /**
                 * Format: int64
                 * @description Deliveries made so far, or queued again.
                 */
                queued: number;
                /** @description Deliveries in a time at most: `20/s`. */
                rate?: string | null;
                /** @description Events received from then on. */
                since?: string | null;
                /**
                 * Format: int64
                 * @description Of the matching events, those that had a delivery to this subscription already; of dead letters, those that were
                 *     none any more when their turn came.
                 */
                skipped: number;
                /** @description When it began. */
                started_at: string;
                /** @description `running`, `done`, `cancelled` or `failed`. */
                state: string;
                /** @description Whose past events are delivered, or whose dead letters are dealt with. */
                subscription_id?: string | null;
                /** @description Its name: of a backfill's when the job began. */
                subscription_name?: string | null;
                /**
                 * Format: int64
                 * @description Events of the log to be read; or dead letters that were found when it began.
                 */
                total: number;
                /** @description Events received before. */
                until?: string | null;
                /**
                 * Format: int32
                 * @description The version of the subscription whose filter decides.
                 */
                version?: number | null;
                /** @description What a running job waits for, if it does. */
                waiting?: string | null;
            }[];
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Page_Key: {
            /** @description What is on it. */
            items: {
                /** @description When it was made. */
                created_at: string;
                /** @description From then on it is worth nothing; null: it does not expire. */
                expires_at?: string | null;
                /** @description What to name it by; no secret. */
                id: string;
                /** @description When it was last used. After a restart it may be a minute too early. */
                last_used_at?: string | null;
                /** @description Whose or what for. */
                name: string;
                /** @description When it was revoked. */
                revoked_at?: string | null;
                /** @description `ingest`, `read`, `manage` or `admin`. */
                scope: string;
                /** @description `active`, `expired` or `revoked`. */
                state: string;
            }[];
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Page_Shown: {
            /** @description What is on it. */
            items: ({
                /** @description `closed`, `open` or `half_open`; the worst that one of its URLs is in. */
                circuit: string;
                /** @description When it was made. */
                created_at: string;
                /** @description Why Loghorn itself disabled it. */
                disabled_reason?: string | null;
                /** @description Its id. */
                id: string;
                /** @description What its webhooks are signed with; only in the answer to its creation. */
                secret?: string | null;
                /** @description `active`, `paused` or `disabled`. */
                state: string;
                /** @description When it was last changed. */
                updated_at: string;
                /**
                 * Format: int32
                 * @description Grows with each change; also in the ETag.
                 */
                version: number;
                /** @description The same as verifiers of Standard Webhooks take it, `whsec_` and base64; only with `secret`. */
                whsec?: string | null;
            } & {
                [key: string]: unknown;
            })[];
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Page_SigningSecret: {
            /** @description What is on it. */
            items: {
                /** @description When it was made. */
                created_at: string;
                /** @description Until when it signs; null: until it is replaced. */
                expires_at?: string | null;
                /**
                 * Format: int32
                 * @description 1 for the first, one more with each change.
                 */
                number: number;
                /** @description `present`, or `previous`: it signs too, until it expires. */
                state: string;
            }[];
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
        };
        /** @description One page of a list. */
        Page_Value: {
            /** @description What is on it. */
            items: unknown[];
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
        };
        /** @description Where events of PagerDuty go. */
        Pagerduty: {
            /** @description The integration key of a service: 32 letters and digits. Masked when shown; the mask sent back means "as it was". */
            routing_key: string;
        };
        /** @description How many events had a value at a path. */
        PathSeen: {
            /**
             * @description JSONPath on the event.
             * @example $.metadata.amount
             */
            path: string;
            /**
             * Format: int64
             * @description So many had a value there.
             */
            seen: number;
            /**
             * Format: int64
             * @description Of so many: those of a wanted type.
             */
            tested: number;
        };
        /** @description Deliveries a minute. */
        PerMinute: {
            /**
             * Format: double
             * @description Over the time from the first to the last event, at least a minute.
             */
            mean: number;
            /**
             * Format: int64
             * @description In the busiest minute.
             */
            peak: number;
        };
        /**
         * @description How long each part of an attempt took, in milliseconds; null where it is not known, as on a connection that was
         *     there already.
         */
        Phases: {
            /**
             * Format: double
             * @description To connect.
             */
            connect_ms?: number | null;
            /**
             * Format: double
             * @description To resolve the name.
             */
            dns_ms?: number | null;
            /**
             * Format: double
             * @description From the request to the first byte of the answer.
             */
            first_byte_ms?: number | null;
            /**
             * Format: double
             * @description For the TLS handshake.
             */
            tls_ms?: number | null;
        };
        /** @description What happened in one step. */
        Point: {
            /**
             * Format: int64
             * @description Events stored; null where one subscription is asked for.
             */
            accepted?: number | null;
            /**
             * Format: int64
             * @description Its beginning, in milliseconds since 1970.
             */
            at: number;
            /**
             * Format: int64
             * @description Deliveries that were given up.
             */
            dead: number;
            /**
             * Format: int64
             * @description Deliveries that ended with a 2xx.
             */
            delivered: number;
            /**
             * Format: double
             * @description The time that half of the attempts did not exceed, in milliseconds, within a fifth; null where there were none.
             */
            p50_ms?: number | null;
            /**
             * Format: double
             * @description The same of 95 %.
             */
            p95_ms?: number | null;
            /**
             * Format: double
             * @description The same of 99 %.
             */
            p99_ms?: number | null;
            /**
             * Format: int64
             * @description Failed attempts that are tried again.
             */
            retrying: number;
        };
        /** @description What is to be shown. */
        Preview: {
            /** @description This event, as it would be sent. One that is made up where neither is given. */
            event?: Record<string, never> | null;
            /** @description This event of the log. */
            event_id?: string | null;
            /**
             * @description As in a subscription; `standard` where nothing says otherwise.
             * @example slack
             */
            format?: string | null;
            /** @description As in a subscription. Of interest for its `Content-Type`. */
            headers?: {
                [key: string]: string;
            } | null;
            /** @description As this subscription would send it, by its id; members beside it win. */
            subscription?: string | null;
            /** @description As in a subscription. */
            template?: string | null;
        };
        /** @description A webhook as it would be sent, but for its id, time and signatures. */
        Previewed: {
            /** @description Its body as text; keys in it are masked. */
            body: string;
            /** @description Its form. */
            format: string;
            /** @description By name; what looks like a credential is masked. */
            headers: {
                [key: string]: string;
            };
        };
        /** @description What went wrong, why, and what to do. */
        Problem: {
            /** @description What exactly is wrong. */
            detail: string;
            /** @description Each thing that is wrong with what was sent. */
            errors?: components["schemas"]["Item"][];
            /** @description What to do. */
            remedy: string;
            /** @description To be named in questions; stands in the log too. */
            request_id: string;
            /**
             * Format: int32
             * @description The status code.
             */
            status: number;
            /** @description The same for a person. */
            title: string;
            /** @description A name for the kind of problem. */
            type: string;
        };
        /** @description How many attempts may begin in a time. */
        RateLimit: {
            /**
             * Format: double
             * @description In a second on average; may be a fraction. After a pause as many at once.
             * @example 50
             */
            per_second: number;
        };
        /** @description One request as it arrived. */
        Received: {
            /**
             * Format: int32
             * @description The status code that it was answered with.
             */
            answered: number;
            /** @description The first 64 KiB of its body, read as UTF-8. */
            body: string;
            /** @description The bytes of the whole body. */
            body_bytes: number;
            /** @description Its headers; what looks like a credential is masked. */
            headers: {
                [key: string]: string;
            };
            /**
             * Format: int64
             * @description Ascending from 1.
             */
            number: number;
            /** @description When it arrived. */
            received_at: string;
            /**
             * @description `yes`, `no`, `stale` or `unsigned`: what the receiver itself found, with the secrets of the subscriptions that send
             *     here.
             */
            verified: components["schemas"]["Verified"];
        };
        /** @description How it is to answer. */
        ReceiverBody: {
            /** @description `{"status": 503}`, `"slow"` (200 after five seconds) or `"hang"`. */
            answer: components["schemas"]["Answer"];
        };
        /**
         * @description Other URLs, by a value inside the event. Each has its own queue, circuit breaker and window, and holds up no other.
         *     An event without that value, or with one that stands for no region, goes to the subscription's `url`.
         */
        Regions: {
            /**
             * @description Where the value stands: `source`, `level`, `event_type`, or a dotted path within the metadata.
             * @example metadata.region
             */
            by: string;
            /**
             * @description The URL for each value; 1–64, each named in 1–64 characters.
             * @example {
             *       "eu": "https://eu.example.com/hook"
             *     }
             */
            urls: {
                [key: string]: string;
            };
        };
        /** @description A record that was not stored. */
        Rejected: {
            /** @description Which of the request's records, from 0. */
            index: number;
            /** @description Why. */
            reason: string;
        };
        /** @description What to send again, or to give up. */
        Replay: {
            /** @description Only count them. */
            dry_run?: boolean;
            /** @description Which dead letters; all of them where empty. */
            filter?: components["schemas"]["Filter"];
            /**
             * @description So many in a time at most, such as `20/s`; as fast as can be where absent.
             * @example 20/s
             */
            rate?: string | null;
        };
        /** @description What a trial came to. */
        Report: {
            /** @description Whether all of the sample was tried; if not, time was up. */
            complete: boolean;
            /** @description For how many events each condition held. */
            conditions: components["schemas"]["Count"][];
            /**
             * Format: int64
             * @description Of those, the ones that would be sent.
             */
            matched: number;
            /** @description How many events had a value at each path that the filter asks for. */
            paths: components["schemas"]["PathSeen"][];
            /** @description What would be sent in a minute. */
            per_minute: components["schemas"]["PerMinute"];
            /** @description The newest events of each kind, matched and not, newest first; at most 200. */
            results: components["schemas"]["Tried"][];
            /**
             * Format: int64
             * @description Events that were tried.
             */
            tested: number;
            /** @description JSONPaths on the event at which no event of a wanted type had a value: misspelt, maybe. */
            unseen_paths: string[];
        };
        /** @description What differs from the server's settings for retries. */
        Retry: {
            /**
             * @description The age at which a delivery is given up; at most 30 days.
             * @example 24h
             */
            max_age?: string | null;
            /**
             * Format: int32
             * @description Attempts in all, the first included; 1–100.
             */
            max_attempts?: number | null;
        };
        /** @description A secret that was just made, or is revealed. */
        RevealedSecret: {
            /**
             * Format: int32
             * @description Which it is.
             */
            number: number;
            /** @description Those that sign beside the present one, newest first; only in the answer to a change. */
            previous?: components["schemas"]["SigningSecret"][];
            /** @description The secret itself. */
            secret: string;
            /** @description The same in the form that stock Standard Webhooks verifiers take. */
            whsec: string;
        };
        /** @description Where the new master key is. */
        RotateBody: {
            /**
             * @description A file on the server's machine, by its whole path, with mode 600; where absent a key is generated in the place of
             *     the data directory's own.
             */
            new_master_key_file?: string | null;
        };
        /** @description What a change of the master key came to. */
        Rotated: {
            /** @description Where the new key is. */
            master_key_file: string;
            /** @description Whether the old key opens the keyring, too, until the server is started with the new one. */
            restart_needed: boolean;
        };
        /** @description Which events. */
        Sample: {
            /** @description This one, as it would be sent; it may carry `received_at` and `seq`. */
            event?: unknown;
            /**
             * Format: int64
             * @description The last so many of the log, at most a million.
             */
            last?: number | null;
            /** @description Those received from then on: a time, or a span such as `1h`. */
            since?: string | null;
            /** @description Those received before; now where absent. */
            until?: string | null;
        };
        /** @description Days and hours. */
        Schedule: {
            /**
             * @description Days and ranges of days; every day where absent.
             * @example [
             *       "mon-fri"
             *     ]
             */
            days?: string[] | null;
            /**
             * @description Not on these dates.
             * @example [
             *       "2026-12-25"
             *     ]
             */
            except?: string[] | null;
            /**
             * @description From then on; `00:00` where absent.
             * @example 09:00
             */
            from?: string | null;
            /**
             * @description A time zone of the IANA database; UTC where absent.
             * @example Europe/Berlin
             */
            timezone?: string | null;
            /**
             * @description Until before then; `24:00` where absent. Not after `from`: it is on the next day.
             * @example 17:00
             */
            to?: string | null;
        };
        /** @description How a secret is replaced. */
        SecretRotation: {
            /**
             * @description How long the one before signs too, `0s` to `720h`; `24h` where absent. `0s` ends all earlier ones at once.
             * @example 24h
             */
            overlap?: string | null;
            /** @description The new one: 16 to 256 characters, or `whsec_` and base64. Generated where absent. */
            secret?: string | null;
        };
        /** @description What happened, step by step. */
        Series: {
            /** @description One for each step, ascending; the last may still grow. */
            points: components["schemas"]["Point"][];
            /**
             * Format: int64
             * @description The length of a step, in milliseconds.
             */
            step_ms: number;
        };
        /** @description Who is calling. */
        Session: {
            /** @description When the session ends; null for a key. */
            expires_at?: string | null;
            /** @description Whether nobody may call without a key. */
            key_required: boolean;
            /** @description The name of the key; null where none is needed and none was shown. */
            name?: string | null;
            /** @description What it may do. */
            scope: string;
        };
        /** @description What opens a session: one of them. */
        SessionBody: {
            /** @description A key with the scope `read`, `manage` or `admin`. */
            key?: string | null;
            /** @description The token of a link. */
            token?: string | null;
        };
        /** @description A setting, as people write it. */
        Setting: {
            /**
             * @description Its name.
             * @example delivery.timeout
             */
            key: string;
            /**
             * @description A flag, an environment variable, a file, or `default`.
             * @example loghorn.toml
             */
            origin: string;
            /**
             * @description Its value; empty where it is not set and nothing stands for it.
             * @example 10s
             */
            value: string;
        };
        /** @description The settings that this server runs with; there are no secrets among them. */
        Settings: {
            /** @description All of them. */
            settings: components["schemas"]["Setting"][];
        };
        /** @description What a shadow would have sent: how much in all, and one page of the events. */
        Shadowed: {
            /** @description Events of this page, newest first. */
            items: Record<string, never>[];
            /**
             * Format: int64
             * @description Events that matched while it was a shadow; goes on counting beyond what is still kept.
             */
            matched: number;
            /** @description Continue with `?cursor=`; null on the last page. */
            next_cursor?: string | null;
        };
        /** @description A subscription as it is shown: what a person wrote, and what Loghorn adds. */
        Shown: {
            /** @description `closed`, `open` or `half_open`; the worst that one of its URLs is in. */
            circuit: string;
            /** @description When it was made. */
            created_at: string;
            /** @description Why Loghorn itself disabled it. */
            disabled_reason?: string | null;
            /** @description Its id. */
            id: string;
            /** @description What its webhooks are signed with; only in the answer to its creation. */
            secret?: string | null;
            /** @description `active`, `paused` or `disabled`. */
            state: string;
            /** @description When it was last changed. */
            updated_at: string;
            /**
             * Format: int32
             * @description Grows with each change; also in the ETag.
             */
            version: number;
            /** @description The same as verifiers of Standard Webhooks take it, `whsec_` and base64; only with `secret`. */
            whsec?: string | null;
        } & {
            [key: string]: unknown;
        };
        /** @description One attempt. */
        ShownAttempt: {
            batch?: components["schemas"]["ShownBatch"] | null;
            /** @description What it came to. */
            class: string;
            /**
             * Format: double
             * @description How long it took.
             */
            duration_ms: number;
            /** @description What went wrong, in words. */
            error?: string | null;
            /**
             * Format: int32
             * @description 1 for the first.
             */
            number: number;
            /** @description The parts of that, where known. */
            phases?: components["schemas"]["Phases"];
            /** @description What was sent. */
            request: components["schemas"]["ShownRequest"];
            /** @description What came back. */
            response: components["schemas"]["ShownResponse"];
            /** @description When it began. */
            started_at: string;
            /**
             * Format: int32
             * @description The status code, if an answer came.
             */
            status_code?: number | null;
        };
        /** @description The batch that a delivery was sent with. */
        ShownBatch: {
            /**
             * Format: int32
             * @description Events in it.
             */
            events: number;
            /** @description The `webhook-id` of the batch. */
            id: string;
        };
        /** @description The headers of a webhook; what looks like a credential is masked. */
        ShownRequest: {
            /** @description By name. */
            headers: {
                [key: string]: string;
            };
        };
        /** @description An answer: its headers and the first 16 KiB of its body. */
        ShownResponse: {
            /** @description Read as UTF-8. */
            body: string;
            /** @description By name; those that came more than once are joined by commas. */
            headers: {
                [key: string]: string;
            };
        };
        /** @description A signing secret, without its text. */
        SigningSecret: {
            /** @description When it was made. */
            created_at: string;
            /** @description Until when it signs; null: until it is replaced. */
            expires_at?: string | null;
            /**
             * Format: int32
             * @description 1 for the first, one more with each change.
             */
            number: number;
            /** @description `present`, or `previous`: it signs too, until it expires. */
            state: string;
        };
        /** @description How a circuit stands. */
        Standing: {
            /** @description `closed`: attempts flow. `open`: nothing is attempted. `half_open`: one attempt at a time. */
            circuit: string;
            /** @description What happened to it lately, the newest first; at most 20. */
            history?: components["schemas"]["CircuitChange"][];
            /** @description When an open one is probed; null where it is not open, or was opened by hand and stays so. */
            until?: string | null;
            /**
             * Format: int64
             * @description Deliveries that wait.
             */
            waiting: number;
        };
        /** @description Counts of deliveries, events and subscriptions. */
        Stats: {
            /** @description Deliveries. */
            delivery_stats: components["schemas"]["DeliveryStats"];
            /** @description Events. */
            event_stats: components["schemas"]["EventStats"];
            /** @description Since when `accepted`, `duplicates` and `rejected` are counted: the start of the process. */
            since: string;
            /** @description Subscriptions. */
            subscription_stats: components["schemas"]["SubscriptionStats"];
        };
        /** @description A new subscription; also what replaces one. */
        SubscriptionBody: components["schemas"]["Optional"] & {
            /**
             * @description Event types and patterns, 1–256: `*` is one part, `**` any number of parts.
             * @example [
             *       "log.error",
             *       "payment.**"
             *     ]
             */
            events: string[];
            /** @description A name for people; 1–200 characters. */
            name: string;
            /** @description Its own signing secret, when it is made: 16 to 256 characters, or `whsec_` and base64. Generated where absent. */
            secret?: string | null;
            /** @description Where its webhooks go. */
            url: string;
        };
        /** @description How some subscriptions fared. */
        SubscriptionFigures: {
            /** @description In the order of their ids in the query; those that are no more are left out. */
            items: components["schemas"]["Figures"][];
        };
        /**
         * @description What is to be changed of a subscription: a JSON merge patch (RFC 7396), so `null` puts a member back to its default;
         *     `signature_header` alone has a meaning for it, none.
         */
        SubscriptionPatch: components["schemas"]["Optional"] & {
            /** @description Event types and patterns. */
            events?: string[] | null;
            /** @description A name for people; 1–200 characters. */
            name?: string | null;
            /** @description Where its webhooks go. */
            url?: string | null;
        };
        /** @description Subscriptions. */
        SubscriptionStats: {
            /** @description Neither. */
            disabled: number;
            /** @description Matching and delivering. */
            enabled: number;
            /** @description Matching, not delivering. */
            paused: number;
            /** @description Of the enabled and paused ones, those that count and show what they would send. */
            shadow?: number;
            /** @description All. */
            total: number;
        };
        /** @description What is tried on what. */
        Test: {
            /**
             * @description Event types and patterns; all events where absent.
             * @example [
             *       "payment.**"
             *     ]
             */
            events?: string[] | null;
            /** @description The filter, as in a subscription. */
            filters?: Record<string, never>;
            /** @description The last 200 events where absent. */
            sample?: components["schemas"]["Sample"];
        };
        /** @description The receiver. */
        TestReceiver: {
            /** @description How it answers. */
            answer: components["schemas"]["Answer"];
            /** @description The newest of them, at most 200, newest first. */
            items: components["schemas"]["Received"][];
            /** @description Why not. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Requests that came since the start.
             */
            seen: number;
            /** @description The URL that webhooks are sent to; null where it cannot be reached by them. */
            url?: string | null;
        };
        /** @description What a test event became. */
        Tested: {
            /** @description The delivery. */
            delivery_id: string;
            /** @description The event. */
            event_id: string;
        };
        /** @description A ticket for one socket. */
        Ticket: {
            /** @description Until when it works. */
            expires_at?: string | null;
            /** @description To be put behind `?ticket=` in the socket's address; null where no key is needed. */
            ticket?: string | null;
        };
        /** @description How a receiver is spoken to by TLS; all of it in PEM. It is verified always, by its name too. */
        Tls: {
            /** @description The authorities that may vouch for the receiver, instead of the platform's; at most 64 KiB. */
            ca?: string | null;
            /** @description The certificate that is shown to a receiver that asks for one, with those that vouch for it; at most 32 KiB. */
            certificate?: string | null;
            /**
             * @description The key of that certificate (PKCS#8, SEC1 or PKCS#1), at most 16 KiB. Masked when shown; the mask sent back means
             *     "as it was".
             */
            key?: string | null;
        };
        /** @description One event of a trial. */
        Tried: {
            /** @description Every condition with its result. */
            conditions: components["schemas"]["Condition"][];
            /** @description Which. */
            event_id: string;
            /** @description Whether it would be sent. */
            matched: boolean;
            /**
             * Format: int64
             * @description Its place in the log; null for one that was sent along without.
             */
            seq?: number | null;
        };
        /**
         * @description What verifying came to.
         * @enum {string}
         */
        Verified: "yes" | "no" | "stale" | "unsigned";
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    "get /api/v1/audit": {
        parameters: {
            query?: {
                since?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Entry"];
                };
            };
        };
    };
    "post /api/v1/backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-tar": number[];
                };
            };
            /** @description another one is under way, or the disk is nearly full */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/cloudevents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
        };
    };
    "get /api/v1/dead-letters": {
        parameters: {
            query?: {
                subscription?: string;
                event?: string;
                code?: number;
                class?: string;
                since?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Delivery"];
                };
            };
        };
    };
    "post /api/v1/dead-letters/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Replay"];
            };
        };
        responses: {
            /** @description dry_run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Counted"];
                };
            };
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/dead-letters/groups": {
        parameters: {
            query?: {
                subscription?: string;
                event?: string;
                code?: number;
                class?: string;
                since?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Groups"];
                };
            };
        };
    };
    "post /api/v1/dead-letters/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Replay"];
            };
        };
        responses: {
            /** @description dry_run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Counted"];
                };
            };
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/dead-letters/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/dead-letters/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/deliveries": {
        parameters: {
            query?: {
                /** @description one or several, joined by commas */
                status?: string;
                subscription?: string;
                event?: string;
                code?: number;
                class?: string;
                since?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Delivery"];
                };
            };
        };
    };
    "get /api/v1/deliveries/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryWithAttempts"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/deliveries/{id}/resend": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/dispatch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dispatch"];
                };
            };
        };
    };
    "post /api/v1/dispatch/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dispatch"];
                };
            };
        };
    };
    "post /api/v1/dispatch/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Dispatch"];
                };
            };
        };
    };
    "get /api/v1/events": {
        parameters: {
            query?: {
                /** @description a type or pattern */
                type?: string;
                level?: string;
                min_level?: string;
                source?: string;
                /** @description a time or a span */
                since?: string;
                until?: string;
                /** @description text anywhere in the event */
                q?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Value"];
                };
            };
        };
    };
    "post /api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Accepted"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/events/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/events/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Delivery"];
                };
            };
        };
    };
    "get /api/v1/events/{id}/explain": {
        parameters: {
            query?: {
                /** @description only this one */
                subscription?: string;
                /** @description subscriptions on a page */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explained"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/filters/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Test"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Report"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/formats/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Preview"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Previewed"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    "get /api/v1/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "get /api/v1/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "put /api/v1/ingest": {
        parameters: {
            query?: {
                /** @description for events that name none */
                source?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/plain": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingested"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/ingest": {
        parameters: {
            query?: {
                /** @description for events that name none */
                source?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/plain": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingested"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "put /api/v1/ingest/{source}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                source: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/plain": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingested"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/ingest/{source}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                source: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/plain": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ingested"];
                };
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/jobs": {
        parameters: {
            query?: {
                state?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Job"];
                };
            };
        };
    };
    "get /api/v1/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "delete /api/v1/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/keyring/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RotateBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rotated"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/keys": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Key"];
                };
            };
        };
    };
    "post /api/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeyBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewKey"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "delete /api/v1/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ledger"];
                };
            };
        };
    };
    "get /api/v1/receiver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestReceiver"];
                };
            };
        };
    };
    "put /api/v1/receiver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReceiverBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestReceiver"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "delete /api/v1/receiver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "get /api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SessionBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "delete /api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "post /api/v1/session/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Link"];
                };
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Stats"];
                };
            };
        };
    };
    "get /api/v1/stats/failures": {
        parameters: {
            query?: {
                range?: string;
                since?: string;
                until?: string;
                subscription?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failures"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/stats/series": {
        parameters: {
            query?: {
                /** @description up to now: 1m to 7d; 1h where absent */
                range?: string;
                since?: string;
                until?: string;
                /** @description whole minutes; 1m where absent */
                step?: string;
                subscription?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Series"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/stats/subscriptions": {
        parameters: {
            query: {
                /** @description 1 to 500, joined by commas */
                ids: string;
                /** @description up to now: 1m to 7d; 24h where absent */
                range?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionFigures"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/subscriptions": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Shown"];
                };
            };
        };
    };
    "post /api/v1/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SubscriptionBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shown"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CheckBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Checked"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/subscriptions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shown"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "put /api/v1/subscriptions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SubscriptionBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shown"];
                };
            };
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "delete /api/v1/subscriptions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "patch /api/v1/subscriptions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SubscriptionPatch"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shown"];
                };
            };
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/{id}/backfill": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BackfillBody"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/subscriptions/{id}/circuit": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Circuit"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/{id}/circuit": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CircuitBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Circuit"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shown"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/{id}/promote": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shown"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shown"];
                };
            };
        };
    };
    "get /api/v1/subscriptions/{id}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_SigningSecret"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/{id}/secrets/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecretRotation"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevealedSecret"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/{id}/secrets/{number}/reveal": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevealedSecret"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "get /api/v1/subscriptions/{id}/shadow": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Shadowed"];
                };
            };
        };
    };
    "post /api/v1/subscriptions/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tested"];
                };
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /api/v1/ws-ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ticket"];
                };
            };
        };
    };
    "post /api/v2/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    "get /es": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    "put /es/_bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/plain": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    "post /es/_bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/plain": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    "post /gelf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "post /loki/api/v1/push": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    "get /metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain; version=0.0.4": string;
                };
            };
        };
    };
    "post /services/collector": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    "post /services/collector/raw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/plain": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
    "post /upload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "text/plain": string;
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    "post /v1/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": unknown;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
        };
    };
}
