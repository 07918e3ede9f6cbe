ALTER TABLE conversation
  ADD COLUMN asking_until DATETIME(3) NULL COMMENT 'a turn asks an engine that may also send its replies here; until it is recorded, or at the latest until then, they wait';
