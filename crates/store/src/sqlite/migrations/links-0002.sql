-- Links whose code was chosen and looks like a generated one leave their ids behind, too: whoever chooses the code again
-- gets another id, so that what was clicked before is never counted for the new link.
ALTER TABLE retired ADD COLUMN generated INTEGER NOT NULL DEFAULT 1; -- 0 where the code may be chosen again

-- What the table codes says once more: a byte that changes in either is found by the other.
CREATE INDEX links_by_code ON links (code) WHERE code IS NOT NULL;
