BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE api_keys (
	key_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	hash BLOB NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	CONSTRAINT api_keys_pkey PRIMARY KEY (key_id), 
	CONSTRAINT api_keys_scope_check CHECK (scope IN ('public', 'server', 'admin')), 
	CONSTRAINT api_keys_hash_key UNIQUE (hash)
);
INSERT INTO "api_keys" VALUES('3f9c2a10','shop','server',X'0000000000000000000000000000000000000000000000000000000000000000','2026-02-01 12:30:00.000000',NULL,NULL);
INSERT INTO "api_keys" VALUES('3f9c2a11','old','public',X'0101010101010101010101010101010101010101010101010101010101010101','2026-02-01 12:30:00.000000',NULL,'2026-02-01 12:30:00.000000');
CREATE TABLE benefit_counters (
	benefit_id TEXT NOT NULL, 
	used INTEGER NOT NULL, 
	spent_minor BIGINT NOT NULL, 
	CONSTRAINT benefit_counters_pkey PRIMARY KEY (benefit_id)
);
INSERT INTO "benefit_counters" VALUES('b1',1,250);
CREATE TABLE benefit_uses (
	benefit_id TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	campaign_id TEXT NOT NULL, 
	edition TEXT NOT NULL, 
	cost_minor BIGINT NOT NULL, 
	at DATETIME NOT NULL, expires_at DATETIME, redeemed_at DATETIME, released_at DATETIME, 
	CONSTRAINT benefit_uses_pkey PRIMARY KEY (benefit_id, customer_id, campaign_id, edition)
);
INSERT INTO "benefit_uses" VALUES('b1','coffee-1','spring','1',250,'2026-02-01 12:30:00.000000',NULL,NULL,NULL);
CREATE TABLE consents (
	entry_id INTEGER NOT NULL, 
	customer_id TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	granted BOOLEAN NOT NULL, 
	basis TEXT NOT NULL, 
	source TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	CONSTRAINT consents_pkey PRIMARY KEY (entry_id), 
	CONSTRAINT consents_purpose_check CHECK (purpose IN ('email', 'profiling', 'tracking'))
);
INSERT INTO "consents" VALUES(1,'coffee-1','email',1,'consent','import','2026-02-01 12:30:00.000000','2026-02-01 12:30:00.000000');
CREATE TABLE customers (
	customer_id TEXT NOT NULL, 
	email TEXT, 
	first_name TEXT, 
	locale TEXT, 
	email_ok BOOLEAN DEFAULT 0 NOT NULL, 
	profiling_ok BOOLEAN DEFAULT 0 NOT NULL, 
	tracking_ok BOOLEAN DEFAULT 0 NOT NULL, 
	tier TEXT, 
	points INTEGER, 
	updated_at DATETIME NOT NULL, segment TEXT, email_basis TEXT, consent_at DATETIME, objected_at DATETIME, 
	CONSTRAINT customers_pkey PRIMARY KEY (customer_id)
);
INSERT INTO "customers" VALUES('coffee-1','ada@mail.example','Ada','de',1,1,0,'gold',120,'2026-02-01 12:30:00.000000',NULL,NULL,NULL,NULL);
INSERT INTO "customers" VALUES('Ümläut''s',NULL,NULL,NULL,0,0,0,NULL,NULL,'2026-02-01 12:30:00.000000',NULL,NULL,NULL,NULL);
CREATE TABLE events (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	type TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	customer_id TEXT, 
	session_id TEXT, 
	order_id TEXT, 
	items TEXT NOT NULL, 
	currency TEXT, 
	recommendation_id TEXT, 
	scope TEXT NOT NULL, 
	happened_at DATETIME NOT NULL, 
	received_at DATETIME NOT NULL, 
	CONSTRAINT events_type_key UNIQUE (type, event_id)
);
INSERT INTO "events" VALUES(1,'view','e1',NULL,'s1',NULL,'[{"item_id":"milk"}]',NULL,NULL,'public','2026-02-01 12:30:00.000000','2026-02-01 12:30:00.000000');
INSERT INTO "events" VALUES(2,'purchase','e2','coffee-1',NULL,'o1','[{"item_id":"oats"}]',NULL,NULL,'server','2026-02-01 12:30:00.000000','2026-02-01 12:30:00.000000');
CREATE TABLE global_holdouts (
	since DATETIME NOT NULL, 
	share FLOAT NOT NULL, 
	salt TEXT NOT NULL, 
	CONSTRAINT global_holdouts_pkey PRIMARY KEY (since)
);
INSERT INTO "global_holdouts" VALUES('2026-02-01 12:30:00.000000',0.05,'salt');
CREATE TABLE mail_clicks (
	click_id INTEGER NOT NULL, 
	campaign_id TEXT NOT NULL, 
	edition TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	item_id TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT mail_clicks_pkey PRIMARY KEY (click_id)
);
INSERT INTO "mail_clicks" VALUES(1,'spring','1','coffee-1','milk',1,'2026-02-01 12:30:00.000000');
CREATE TABLE mails (
	campaign_id TEXT NOT NULL, 
	edition TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	items TEXT NOT NULL, 
	benefits TEXT NOT NULL, 
	model_version TEXT NOT NULL, 
	detail TEXT, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT mails_pkey PRIMARY KEY (campaign_id, edition, customer_id), 
	CONSTRAINT mails_state_check CHECK (state IN ('holdout', 'exported', 'claimed', 'sending', 'sent', 'deferred', 'refused', 'unsure'))
);
INSERT INTO "mails" VALUES('spring','1','coffee-1','sent','["milk"]','["b1"]','v',NULL,'2026-02-01 12:30:00.000000','2026-02-01 12:30:00.000000');
CREATE TABLE price_history (
	item_id TEXT NOT NULL, 
	valid_from DATETIME NOT NULL, 
	price FLOAT NOT NULL, 
	currency TEXT NOT NULL, 
	CONSTRAINT price_history_pkey PRIMARY KEY (item_id, valid_from)
);
INSERT INTO "price_history" VALUES('milk','2026-02-01 12:30:00.000000',1.19,'EUR');
CREATE TABLE session_links (
	session_id TEXT NOT NULL, 
	customer_id TEXT NOT NULL, 
	linked_at DATETIME NOT NULL, 
	CONSTRAINT session_links_pkey PRIMARY KEY (session_id)
);
INSERT INTO "session_links" VALUES('s1','coffee-1','2026-02-01 12:30:00.000000');
CREATE TABLE suppressions (
	address TEXT NOT NULL, 
	key_check TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT suppressions_pkey PRIMARY KEY (address)
);
INSERT INTO "suppressions" VALUES('abababababababababababababababababababababababababababababababab','cd','objection','2026-02-01 12:30:00.000000');
CREATE INDEX consents_customer_id_idx ON consents (customer_id);
CREATE TRIGGER consents_append_only BEFORE UPDATE ON consents BEGIN SELECT RAISE(ABORT, 'consents is append-only'); END;
CREATE INDEX mails_customer_id_created_at_idx ON mails (customer_id, created_at);
CREATE INDEX mail_clicks_customer_id_idx ON mail_clicks (customer_id);
CREATE INDEX benefit_uses_customer_id_idx ON benefit_uses (customer_id);
CREATE INDEX events_customer_id_seq_idx ON events (customer_id, seq);
CREATE INDEX events_session_id_seq_idx ON events (session_id, seq);
CREATE INDEX events_happened_at_idx ON events (happened_at);
CREATE INDEX session_links_customer_id_idx ON session_links (customer_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',2);
COMMIT;
