CREATE TABLE user (
  user_id BINARY(16) NOT NULL,
  email VARCHAR(254) NOT NULL COMMENT 'as typed, trimmed',
  email_key VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'lower-cased: what is unique',
  name VARCHAR(120) NOT NULL,
  password_hash VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'Argon2id PHC string; empty: no password sign-in',
  language VARCHAR(35) NOT NULL DEFAULT 'en',
  is_operator TINYINT NOT NULL DEFAULT 0,
  state ENUM('active','suspended','deleted') NOT NULL DEFAULT 'active',
  email_verified_at DATETIME(3) NULL,
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (user_id),
  UNIQUE KEY user_email (email_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
