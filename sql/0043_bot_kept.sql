ALTER TABLE bot ADD COLUMN kept_at DATETIME(3) NULL COMMENT 'the owner chose it to stay when the plan has room for fewer; else the oldest stay';
