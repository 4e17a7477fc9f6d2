-- danlu's tables in PostgreSQL, and the one function that appends: a round trip, a transaction, a row lock.

CREATE TABLE IF NOT EXISTS danlu_schema (version INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS danlu_study (
    id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    head BIGINT NOT NULL DEFAULT 0, trials BIGINT NOT NULL DEFAULT 0);

CREATE TABLE IF NOT EXISTS danlu_event (
    study BIGINT NOT NULL REFERENCES danlu_study, seq BIGINT NOT NULL, op TEXT, mark UUID,
    body BYTEA NOT NULL, crc BIGINT NOT NULL, PRIMARY KEY (study, seq));
CREATE UNIQUE INDEX IF NOT EXISTS danlu_event_op ON danlu_event (study, op) WHERE op IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS danlu_event_mark ON danlu_event (study, mark) WHERE mark IS NOT NULL;

CREATE TABLE IF NOT EXISTS danlu_lease (
    study BIGINT NOT NULL REFERENCES danlu_study, trial BIGINT NOT NULL, attempt BIGINT NOT NULL,
    worker TEXT NOT NULL, until DOUBLE PRECISION NOT NULL, PRIMARY KEY (study, trial));

-- Appends events on terms. Pairs of (trial, attempt) come as flat arrays. Gives a word and a number: written and the last
-- sequence number, known and the one of the operation, or why not: gone, trials, fenced, held.
CREATE OR REPLACE FUNCTION danlu_append(
    _study BIGINT, _mark UUID, _ops TEXT[], _bodies BYTEA[], _crcs BIGINT[], _asked BIGINT, _trials BIGINT,
    _holds BIGINT[], _takes BIGINT[], _gone TEXT[], _grants BIGINT[], _drops BIGINT[], _closes BIGINT[],
    _worker TEXT, _lease DOUBLE PRECISION, _now DOUBLE PRECISION, OUT word TEXT, OUT number BIGINT)
LANGUAGE plpgsql AS $$
DECLARE
    _head BIGINT; _there BIGINT; _at DOUBLE PRECISION; _held danlu_lease%ROWTYPE; _count INT := cardinality(_bodies);
BEGIN
    SELECT head, trials INTO _head, _there FROM danlu_study WHERE id = _study FOR UPDATE;
    IF NOT FOUND THEN word := 'gone'; RETURN; END IF;
    SELECT seq INTO number FROM danlu_event WHERE study = _study AND mark = _mark;
    IF FOUND THEN word := 'written'; number := number + _count - 1; RETURN; END IF;  -- cut off after its commit
    IF _ops[1] IS NOT NULL THEN
        SELECT seq INTO number FROM danlu_event WHERE study = _study AND op = _ops[1];
        IF FOUND THEN word := 'known'; RETURN; END IF;
    END IF;
    IF _trials <> _there THEN word := 'trials'; number := _there; RETURN; END IF;
    _at := coalesce(_now, extract(epoch FROM clock_timestamp()));
    FOR i IN 1 .. cardinality(_holds) / 2 LOOP
        number := _holds[2 * i - 1];
        SELECT * INTO _held FROM danlu_lease WHERE study = _study AND trial = number;
        IF NOT FOUND OR _held.attempt <> _holds[2 * i] THEN word := 'fenced'; RETURN; END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(_takes) / 2 LOOP
        number := _takes[2 * i - 1];
        SELECT * INTO _held FROM danlu_lease WHERE study = _study AND trial = number;
        IF FOUND AND (_held.attempt <> _takes[2 * i] OR NOT (_held.until < _at OR _held.worker = ANY(_gone))) THEN
            word := 'held'; RETURN;
        END IF;
    END LOOP;
    FOR i IN 1 .. _count LOOP
        _head := _head + 1;
        INSERT INTO danlu_event (study, seq, op, mark, body, crc) VALUES (
            _study, _head, _ops[i], CASE WHEN i = 1 THEN _mark END, _bodies[i],
            _crcs[i] # ((_head * 2654435761) & 4294967295));
    END LOOP;
    UPDATE danlu_study SET head = _head, trials = trials + _asked WHERE id = _study;
    IF cardinality(_drops) > 0 THEN
        DELETE FROM danlu_lease WHERE study = _study AND trial = ANY(_drops);
    END IF;
    FOR i IN 1 .. cardinality(_grants) / 2 LOOP
        INSERT INTO danlu_lease VALUES (_study, _grants[2 * i - 1], _grants[2 * i], _worker, _at + _lease)
        ON CONFLICT (study, trial) DO UPDATE SET
            attempt = excluded.attempt, worker = excluded.worker, until = excluded.until;
    END LOOP;
    FOR i IN 1 .. cardinality(_closes) LOOP
        INSERT INTO danlu_lease VALUES (_study, _closes[i], -1, '', 'Infinity')
        ON CONFLICT (study, trial) DO UPDATE SET
            attempt = excluded.attempt, worker = excluded.worker, until = excluded.until;
    END LOOP;
    word := 'written'; number := _head;
END $$;
