ALTER TABLE conversation ADD canary INT NOT NULL DEFAULT 0 COMMENT 'twice the run of bot_canary, and 1 for the canary; 0: none ran';
