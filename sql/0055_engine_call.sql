CREATE TABLE engine_call (
  tenant_id BINARY(16) NOT NULL,
  call_id BINARY(16) NOT NULL COMMENT 'UUIDv7: the time of the call',
  engine_id BINARY(16) NOT NULL COMMENT 'may be removed since',
  bot_id BINARY(16) NOT NULL,
  conversation_id BINARY(16) NULL COMMENT 'none for a test',
  purpose VARCHAR(20) CHARACTER SET ascii NOT NULL COMMENT 'answer, classify, extract, embed, probe',
  type VARCHAR(30) CHARACTER SET ascii NOT NULL,
  model VARCHAR(200) NOT NULL,
  outcome VARCHAR(30) CHARACTER SET ascii NOT NULL COMMENT 'ok, or the class of the error',
  http_status SMALLINT NOT NULL COMMENT 'of a failed call; 0: there was no reply, or the engine answered',
  tokens_in INT NOT NULL,
  tokens_out INT NOT NULL,
  estimated TINYINT NOT NULL COMMENT 'the engine reported no tokens; they were estimated',
  cost BIGINT NOT NULL COMMENT 'in 10^-9 of the currency of the price list',
  first_ms INT NOT NULL COMMENT 'to the first piece of the answer; 0: there was none',
  took_ms INT NOT NULL,
  PRIMARY KEY (tenant_id, call_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
