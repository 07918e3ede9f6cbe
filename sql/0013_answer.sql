CREATE TABLE answer (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  answer_id BINARY(16) NOT NULL,
  question_hash BINARY(32) NOT NULL COMMENT 'of language and the folded question: the same question again is the same row',
  question VARCHAR(1000) NOT NULL,
  answer TEXT NOT NULL,
  link VARCHAR(2000) NOT NULL,
  source VARCHAR(200) NOT NULL,
  language VARCHAR(35) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, bot_id, answer_id),
  UNIQUE KEY answer_question (tenant_id, bot_id, question_hash),
  CONSTRAINT answer_bot FOREIGN KEY (tenant_id, bot_id) REFERENCES bot (tenant_id, bot_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
