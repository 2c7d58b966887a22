// SPDX-License-Identifier: Apache-2.0
// JDBC: java -cp postgresql.jar:FOLDER Jdbc, the snippet being the URL. The steps and the report
// are those of scenario.ts.
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HexFormat;

public class Jdbc {
  private static Connection connection;

  interface Step {
    void run() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    String url = Files.readString(Path.of(System.getenv("HOWDAH_SNIPPET"))).strip();
    connection = DriverManager.getConnection(url);
    connection.setAutoCommit(false);
    execute("CREATE TABLE things (id serial PRIMARY KEY, name text NOT NULL UNIQUE,"
        + " body text, blob bytea)");
    execute("ALTER TABLE things ADD COLUMN note text NOT NULL DEFAULT 'none'");
    connection.commit();
    say("database", one("SELECT current_database()"));
    insertEach("committed", 10, false);
    say("committed", count("committed"));
    say("refused", refused(() -> insertEach("rolled", 5, true)));
    say("rolled", count("rolled"));
    insertBatch(1000);
    say("batch", count("batch"));
    big();
    say("cancelled", refused(Jdbc::sleep));
    say("alive", count("big"));
    connection.close();
  }

  private static void say(String what, Object value) {
    System.out.println(what + " " + value);
  }

  private static void execute(String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static Object one(String sql, String... values) throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) query.setString(i + 1, values[i]);
      try (ResultSet row = query.executeQuery()) {
        row.next();
        return row.getObject(1);
      }
    }
  }

  private static Object count(String prefix) throws SQLException {
    return one("SELECT count(*) FROM things WHERE name LIKE ?", prefix + "-%");
  }

  // More rows than prepareThreshold, so that named statements are used.
  private static void insertEach(String prefix, int count, boolean firstAgain) throws SQLException {
    String sql = "INSERT INTO things (name) VALUES (?)";
    try (PreparedStatement insert = connection.prepareStatement(sql)) {
      for (int i = 0; i < count + (firstAgain ? 1 : 0); i++) {
        insert.setString(1, prefix + "-" + (i < count ? i : 0) + "-ünï");
        insert.executeUpdate();
      }
    }
    connection.commit();
  }

  private static void insertBatch(int count) throws SQLException {
    String sql = "INSERT INTO things (name) VALUES (?)";
    try (PreparedStatement insert = connection.prepareStatement(sql)) {
      for (int i = 0; i < count; i++) {
        insert.setString(1, "batch-" + i + "-ünï");
        insert.addBatch();
      }
      insert.executeBatch();
    }
    connection.commit();
  }

  private static void big() throws Exception {
    String sql = "INSERT INTO things (name, body, blob) VALUES ('big-0', ?, ?)";
    try (PreparedStatement insert = connection.prepareStatement(sql)) {
      insert.setString(1, Files.readString(Path.of(System.getenv("HOWDAH_TEXT"))));
      insert.setBytes(2, Files.readAllBytes(Path.of(System.getenv("HOWDAH_BYTES"))));
      insert.executeUpdate();
    }
    connection.commit();
    sql = "SELECT body, blob FROM things WHERE name = 'big-0'";
    try (ResultSet row = connection.createStatement().executeQuery(sql)) {
      row.next();
      say("text", sum(row.getString(1).getBytes(StandardCharsets.UTF_8)));
      say("bytes", sum(row.getBytes(2)));
    }
  }

  private static String sum(byte[] content) throws Exception {
    byte[] digest = MessageDigest.getInstance("MD5").digest(content);
    return content.length + " " + HexFormat.of().formatHex(digest);
  }

  private static void sleep() throws Exception {
    try (Statement statement = connection.createStatement()) {
      Thread canceller = new Thread(() -> {
        try {
          Thread.sleep(500);
          statement.cancel();
        } catch (Exception error) {
          error.printStackTrace();
        }
      });
      canceller.start();
      statement.execute("SELECT pg_sleep(20)");
    }
  }

  private static String refused(Step step) throws Exception {
    try {
      step.run();
      return "not at all";
    } catch (SQLException error) {
      connection.rollback();
      return error.getSQLState();
    }
  }
}
